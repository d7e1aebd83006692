"""The read model is compared with the ledger group by group, and made anew from it."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from contracts.tenancy import Tenant

OCTOBER, NOVEMBER = date(2026, 10, 15), date(2026, 11, 15)

TAMPERINGS = {
    "raised": ("UPDATE partner.usage_daily SET input_tokens = input_tokens + 7 RETURNING 1", {"input_tokens": -7}),
    "lowered": ("UPDATE partner.usage_daily SET calls = calls - 1 RETURNING 1", {"calls": 1}),
    "removed": ("DELETE FROM partner.usage_daily RETURNING 1", {"calls": 1, "input_tokens": 100, "output_tokens": 20}),
    "shifted": (
        "UPDATE partner.usage_daily SET output_tokens = 0, cancelled = 1 RETURNING 1",
        {"output_tokens": 20, "cancelled": -1},
    ),
}


@pytest.mark.parametrize("kind", TAMPERINGS)
async def test_a_tampered_read_model_is_found_and_mended(books, wired, make_usage, kind):
    usage = make_usage()
    await books.book(usage)
    statement, expected = TAMPERINGS[kind]
    await books.rows(statement)

    (difference,) = await wired.reconciliation.differences()

    assert (difference["day"], difference["user_id"]) == (date(2026, 11, 10), usage.tenant.user_id)
    sums = ("calls", "input_tokens", "output_tokens", "cancelled", "failed", "estimated_calls")
    assert {name: int(difference[name]) for name in sums if difference[name]} == expected
    assert await wired.reconciliation.rebuild() == 1
    assert await wired.reconciliation.differences() == []


async def test_an_invented_line_is_found(books, wired, make_usage):
    await books.book(make_usage())
    await books.rows("UPDATE partner.usage_daily SET model = 'another' RETURNING 1")

    differences = await wired.reconciliation.differences()

    assert {(row["model"], int(row["calls"])) for row in differences} == {("another", -1), ("growfit-extractive", 1)}


async def test_one_month_is_compared_and_rebuilt_alone(books, wired, make_usage):
    # 23:30 UTC on the 31st is November in Seoul.
    await books.book(make_usage(occurred_at=datetime(2026, 10, 31, 14, 59, tzinfo=UTC)))
    await books.book(make_usage(occurred_at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC)))
    await books.rows("UPDATE partner.usage_daily SET calls = 50 RETURNING 1")

    assert [row["day"] for row in await wired.reconciliation.differences(OCTOBER)] == [date(2026, 10, 31)]
    assert [row["day"] for row in await wired.reconciliation.differences(NOVEMBER)] == [date(2026, 11, 1)]
    assert await wired.reconciliation.rebuild(NOVEMBER) == 1
    told = "SELECT payload -> 'data' ->> 'action', payload -> 'data' -> 'detail' FROM usage_metrics.outbox"
    assert await books.rows(told) == [("read_model.rebuilt", {"month": "2026-11", "lines": 1})]
    assert [row["day"] for row in await wired.reconciliation.differences()] == [date(2026, 10, 31)]


async def test_bookings_during_a_rebuild_are_counted_once(books, wired, make_usage):
    tenant = Tenant(user_id=make_usage().tenant.user_id)

    async def book_many() -> None:
        for _ in range(20):
            await books.book(make_usage(tenant=tenant))

    await asyncio.gather(*(book_many() for _ in range(4)), *(wired.reconciliation.rebuild() for _ in range(4)))

    assert await books.rows("SELECT sum(calls) FROM partner.usage_daily") == [(80,)]
    assert await wired.reconciliation.differences() == []

"""The ledger's months: made ahead, made for what came late, and never at an event's will."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import psycopg
import pytest

SEOUL = timezone(timedelta(hours=9))
PARTITIONS = """
SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'partner.usage_events'::regclass ORDER BY 1
"""
WHERE_IT_LIES = "SELECT tableoid::regclass::text FROM partner.usage_events"


@pytest.fixture
async def only_default(emptied):
    """The ledger as it would be after years without a worker."""
    async with await psycopg.AsyncConnection.connect(emptied.libpq_url("growfit_migrator")) as connection:
        for (name,) in await (await connection.execute(PARTITIONS)).fetchall():
            if not name.endswith("default"):
                await connection.execute(f"DROP TABLE {name}")


def _name(moment: datetime) -> str:
    return f"partner.usage_events_{moment.astimezone(SEOUL):%Y_%m}"


def _month(moment: datetime, ahead: int) -> datetime:
    months = moment.year * 12 + moment.month - 1 + ahead
    return moment.replace(year=months // 12, month=months % 12 + 1, day=1)


async def test_last_month_to_two_months_ahead_exist_after_one_turn(only_default, books, wired):
    seoul = datetime.now(SEOUL)

    assert await wired.partitions.make_missing() == 4

    expected = {_name(_month(seoul, ahead)) for ahead in (-1, 0, 1, 2)} | {"partner.usage_events_default"}
    assert {name for (name,) in await books.rows(PARTITIONS)} == expected
    assert await wired.partitions.make_missing() == 0


async def test_a_late_event_gets_its_month_and_stays_readable(only_default, books, wired, make_usage):
    late = datetime.now(UTC) - timedelta(days=200)
    usage = make_usage(occurred_at=late)
    event_id = await books.book(usage)
    assert await books.rows(WHERE_IT_LIES) == [("partner.usage_events_default",)]

    await wired.partitions.make_missing()

    assert await books.rows(WHERE_IT_LIES) == [(_name(late),)]
    assert await books.rows("SELECT event_id, input_tokens FROM partner.usage_events") == [(event_id, 100)]
    assert await wired.reconciliation.differences() == []


async def test_a_call_booked_before_its_month_was_made_is_not_booked_again_after(
    only_default, books, wired, make_usage
):
    usage, event_id = make_usage(occurred_at=datetime.now(UTC)), uuid4()
    await books.book(usage, event_id=event_id)
    await wired.partitions.make_missing()
    await books.rows("DELETE FROM usage_metrics.inbox RETURNING 1")

    await books.book(usage, event_id=event_id)

    assert await books.rows("SELECT calls FROM partner.usage_daily") == [(1,)]
    assert await books.rows(WHERE_IT_LIES) == [(_name(usage.occurred_at),)]


@pytest.mark.parametrize("moment", [datetime(1987, 6, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)])
async def test_a_wild_clock_makes_no_tables(only_default, books, wired, make_usage, moment):
    await books.book(make_usage(occurred_at=moment))

    assert await wired.partitions.make_missing() == 4
    assert await books.rows(WHERE_IT_LIES) == [("partner.usage_events_default",)]


async def test_a_month_in_seoul_is_one_partition(only_default, books, wired, make_usage):
    seoul = datetime.now(SEOUL)
    midnight = seoul.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    await wired.partitions.make_missing()

    await books.book(make_usage(occurred_at=midnight - timedelta(microseconds=1)))
    await books.book(make_usage(occurred_at=midnight))

    found = await books.rows("SELECT tableoid::regclass::text FROM partner.usage_events ORDER BY occurred_at")
    assert found == [(_name(_month(seoul, -1)),), (_name(seoul),)]


async def test_two_workers_at_once_and_bookings_beside_them_refuse_and_lose_nothing(
    only_default, books, wired, make_usage
):
    moment = datetime.now(UTC)
    calls = [(uuid4(), make_usage(occurred_at=moment - timedelta(days=20 * (n % 10)))) for n in range(100)]

    made = await asyncio.gather(books.deliver(calls), *(wired.partitions.make_missing() for _ in range(3)))

    assert sum(made[1:]) >= 4
    assert await books.rows("SELECT count(*) FROM partner.usage_events") == [(100,)]
    assert await wired.reconciliation.differences() == []

"""Every call is booked once, on its day in Seoul, whatever the bus does."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from chassis.delivery import AlreadyHandled
from chassis.errors import Invalid
from contracts import ingest, rag
from contracts.tenancy import Tenant
from contracts.usage import Operation, Outcome

SUMS = "SELECT sum(calls), sum(input_tokens), sum(output_tokens) FROM partner.usage_daily"
LEDGER = "SELECT count(*), sum(input_tokens), sum(output_tokens) FROM partner.usage_events"


async def test_a_line_holds_every_fact_of_its_event(books, make_usage):
    tenant = Tenant(org_id=uuid4(), partner_id=uuid4(), class_id=uuid4(), user_id=uuid4())
    usage = make_usage(tenant=tenant, operation=Operation.PRACTICE, outcome=Outcome.CANCELLED, estimated=True)

    event_id = await books.book(usage)

    columns = (
        "event_id, usage_id, org_id, partner_id, class_id, user_id, operation, provider, model, input_tokens, "
        "output_tokens, estimated, outcome, reference, duration_ms, first_token_ms, occurred_at"
    )
    assert await books.rows(f"SELECT {columns} FROM partner.usage_events") == [
        (
            event_id,
            usage.usage_id,
            tenant.org_id,
            tenant.partner_id,
            tenant.class_id,
            tenant.user_id,
            "practice",
            "growfit",
            "growfit-extractive",
            100,
            20,
            True,
            "cancelled",
            usage.reference,
            900,
            120,
            usage.occurred_at,
        )
    ]


async def test_delivered_three_times_and_shuffled_the_sums_are_the_same(books, make_usage):
    users = [uuid4() for _ in range(5)]
    events = [
        (uuid4(), make_usage(tenant=Tenant(user_id=random.choice(users)), input_tokens=n, output_tokens=2 * n))
        for n in range(1, 101)
    ]
    deliveries = events * 3
    random.shuffle(deliveries)

    repeats = await books.deliver(deliveries)

    assert repeats == 200
    assert await books.rows(LEDGER) == [(100, 5050, 10100)]
    assert await books.rows(SUMS) == [(100, 5050, 10100)]


async def test_the_message_door_learns_of_a_repeat(books, make_usage):
    usage, event_id = make_usage(), uuid4()
    await books.book(usage, event_id=event_id)

    with pytest.raises(AlreadyHandled):
        await books.book(usage, event_id=event_id)


async def test_a_repeat_that_the_inbox_has_forgotten_adds_nothing(books, make_usage):
    usage, event_id = make_usage(), uuid4()
    await books.book(usage, event_id=event_id)
    await books.rows("DELETE FROM usage_metrics.inbox RETURNING 1")

    await books.book(usage, event_id=event_id)

    assert await books.rows(LEDGER) == await books.rows(SUMS) == [(1, 100, 20)]


async def test_one_call_under_two_event_ids_is_one_line(books, make_usage):
    usage = make_usage()

    await books.deliver([(uuid4(), usage) for _ in range(5)])

    assert await books.rows(LEDGER) == await books.rows(SUMS) == [(1, 100, 20)]


async def test_both_publishers_are_booked_alike(books, make_usage):
    facts = make_usage().model_dump()

    await books.book(ingest.UsageRecorded.model_validate(facts))
    await books.book(rag.UsageRecorded.model_validate({**facts, "usage_id": uuid4()}))

    assert await books.rows(LEDGER) == [(2, 200, 40)]


async def test_cancelled_failed_and_estimated_calls_are_counted_apart(books, make_usage):
    tenant = Tenant(user_id=uuid4())
    for outcome in (Outcome.COMPLETED, Outcome.CANCELLED, Outcome.CANCELLED, Outcome.FAILED):
        await books.book(make_usage(tenant=tenant, outcome=outcome, estimated=outcome is not Outcome.COMPLETED))

    counts = await books.rows("SELECT calls, cancelled, failed, estimated_calls FROM partner.usage_daily")

    assert counts == [(4, 2, 1, 3)]


async def test_personal_calls_of_a_day_share_one_line_of_the_read_model(books, make_usage):
    tenant = Tenant(user_id=uuid4())

    await books.deliver([(uuid4(), make_usage(tenant=tenant)) for _ in range(20)])

    assert await books.rows("SELECT org_id, calls FROM partner.usage_daily") == [(None, 20)]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 10, 31, 14, 59, 59, 999_999, tzinfo=UTC), date(2026, 10, 31)),
        (datetime(2026, 10, 31, 15, 0, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 10, 31, 23, 30, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2028, 2, 28, 23, 30, tzinfo=UTC), date(2028, 2, 29)),
    ],
)
async def test_a_call_counts_on_its_day_in_seoul(books, make_usage, moment, day):
    await books.book(make_usage(occurred_at=moment))

    assert await books.rows("SELECT day FROM partner.usage_daily") == [(day,)]


async def test_usage_of_months_ago_is_booked_when_it_comes(books, make_usage):
    late = make_usage().occurred_at - timedelta(days=200)

    await books.book(make_usage(occurred_at=late))

    assert await books.rows(LEDGER) == await books.rows(SUMS) == [(1, 100, 20)]
    assert await books.rows("SELECT tableoid::regclass::text FROM partner.usage_events") == [
        ("partner.usage_events_default",)
    ]


async def test_an_implausible_line_is_refused_before_it_spoils_the_sums(books, make_usage):
    event_id = uuid4()

    with pytest.raises(Invalid) as caught:
        await books.book(make_usage(output_tokens=2**40 + 1), event_id=event_id)

    assert caught.value.code == "tokens_implausible"
    assert await books.rows("SELECT * FROM usage_metrics.inbox") == []
    await books.book(make_usage(output_tokens=2**40))
    assert await books.rows(LEDGER) == [(1, 100, 2**40)]


async def test_a_failed_booking_leaves_no_mark_that_it_happened(books, make_usage):
    event_id = uuid4()

    with pytest.raises(DBAPIError):
        await books.book(make_usage(model="NUL \x00 is no text"), event_id=event_id)

    assert await books.rows("SELECT * FROM usage_metrics.inbox") == []
    await books.book(make_usage(), event_id=event_id)
    assert await books.rows(LEDGER) == [(1, 100, 20)]

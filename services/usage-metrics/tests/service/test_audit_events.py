"""Every audit event is in the log once, whatever it holds and however often it comes."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid
from contracts.audit import AuditOutcome
from contracts.envelope import decode, encode, wrap
from contracts.streams import SERVICES
from usage_metrics.service.audit_facts import MAX_DETAIL_BYTES

COUNT = "SELECT count(*) FROM supervisor.audit_events"


async def _one(books, columns):
    (row,) = await books.rows(f"SELECT {columns} FROM supervisor.audit_events")
    return row if len(row) > 1 else row[0]


async def test_an_entry_holds_every_fact_of_its_event(books, make_entry):
    where = {"org_id": uuid4(), "partner_id": uuid4(), "class_id": uuid4()}
    entry = make_entry("org_partner", action="class.closed", outcome=AuditOutcome.REFUSED, **where)

    await books.note(entry)

    columns = "audit_id, publisher, action, outcome, actor_id, session_id, target, org_id, partner_id, class_id, "
    columns += "request_id, detail, occurred_at"
    assert await _one(books, columns) == (
        entry.audit_id,
        "org_partner",
        "class.closed",
        "refused",
        entry.actor_id,
        entry.session_id,
        entry.target,
        *where.values(),
        "a-request-id",
        {"reason_code": "abuse", "sessions": 2},
        entry.occurred_at,
    )
    origins = "SELECT audit_id, occurred_at, user_id, ip, user_agent FROM supervisor.audit_origins"
    assert await books.rows(origins) == [
        (entry.audit_id, entry.occurred_at, entry.actor_id, "203.0.113.7", "Mozilla/5.0")
    ]


@pytest.mark.parametrize("publisher", SERVICES)
async def test_each_service_tells_in_its_own_name(books, make_entry, publisher):
    await books.note(make_entry(publisher))

    assert await _one(books, "publisher") == publisher


async def test_an_entry_with_nothing_but_its_action_is_kept(books, make_entry):
    nothing = dict.fromkeys(("actor_id", "session_id", "target", "ip", "user_agent", "request_id"))
    await books.note(make_entry(**nothing, detail={}))

    assert await _one(books, "actor_id, target, detail") == (None, None, {})
    assert await books.rows("SELECT * FROM supervisor.audit_origins") == []


async def test_delivered_three_times_shuffled_and_at_once_each_is_in_the_log_once(books, make_entry):
    entries = [(make_entry(), uuid4()) for _ in range(20)] * 3
    random.shuffle(entries)

    await asyncio.gather(*(books.note(entry, event_id=event_id) for entry, event_id in entries), return_exceptions=True)

    assert await books.rows(COUNT) == [(20,)]
    assert await books.rows("SELECT count(*) FROM supervisor.audit_origins") == [(20,)]


async def test_a_repeat_that_the_inbox_has_forgotten_or_does_not_know_adds_and_changes_nothing(books, make_entry):
    entry = make_entry()
    await books.note(entry)

    await books.note(entry.model_copy(update={"action": "user.restored", "ip": "198.51.100.1"}))

    assert await _one(books, "action") == "user.suspended"
    assert await books.rows("SELECT ip FROM supervisor.audit_origins") == [("203.0.113.7",)]


async def test_a_failed_login_of_nobody_belongs_to_the_user_it_was_aimed_at(books, make_entry):
    user = uuid4()
    await books.note(make_entry(action="login.refused", actor_id=None, target=f"user/{user}"))
    await books.note(make_entry(action="login.refused", actor_id=None, target=f"class/{uuid4()}"))

    assert set(await books.rows("SELECT user_id FROM supervisor.audit_origins")) == {(user,), (None,)}


@pytest.mark.parametrize(
    ("given_ip", "kept"),
    [
        ("2001:0DB8::0001", "2001:db8::1"),
        ("203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
        ("1" * 500, "1" * 60),
        ("a\x00b", "a�b"),
        ("fe80::1%\x00", "fe80::1%�"),
    ],
)
async def test_an_address_has_one_form_and_what_is_none_is_kept_as_it_is(books, make_entry, given_ip, kept):
    await books.note(make_entry(ip=given_ip))

    assert await books.rows("SELECT ip FROM supervisor.audit_origins") == [(kept,)]


async def test_texts_that_cannot_be_stored_are_mended_and_long_ones_cut(books, make_entry):
    await books.note(
        make_entry(
            target="user/\x00" + "가" * 1000,
            request_id="r" * 1000,
            user_agent="\x00\ud800" + "u" * 1000,
            detail={"nul\x00": ["\x00", {"half": "\ud83d"}], "number": 1.5, "none": None},
        )
    )

    target, request_id, detail = await _one(books, "target, request_id, detail")
    assert (target, request_id) == ("user/�" + "가" * 294, "r" * 100)
    assert detail == {"nul�": ["�", {"half": "?"}], "number": 1.5, "none": None}
    assert await books.rows("SELECT user_agent FROM supervisor.audit_origins") == [("�?" + "u" * 298,)]


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        ({"text": "a" * MAX_DETAIL_BYTES}, {"omitted": f"{MAX_DETAIL_BYTES + 12} bytes"}),
        ({"many": list(range(10_000))}, {"omitted": "58900 bytes"}),
        ({"not a number": float("nan")}, {"omitted": "not storable"}),
        ({"endless": float("inf")}, {"omitted": "not storable"}),
        ({"huge": 10**5000}, {"omitted": "not storable"}),
    ],
)
async def test_a_detail_that_is_no_small_fact_is_left_out_and_the_entry_stays(books, make_entry, detail, kept):
    await books.note(make_entry(detail=detail))

    assert await _one(books, "detail") == kept


async def test_an_action_without_end_is_the_publishers_defect(books, make_entry):
    with pytest.raises(Invalid) as caught:
        await books.note(make_entry(action="user." + "a" * 200))

    assert caught.value.code == "action_too_long"
    assert await books.rows(COUNT) == [(0,)]


@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
async def test_a_wild_clock_is_logged_and_makes_no_tables(books, wired, make_entry, moment):
    await books.note(make_entry(occurred_at=moment))
    await wired.partitions.make_missing()

    assert await _one(books, "tableoid::regclass::text, audit_id IS NOT NULL") == (
        "supervisor.audit_events_default",
        True,
    )


async def test_a_late_entry_gets_its_month_and_a_repeat_after_that_adds_nothing(books, wired, make_entry):
    late = datetime.now(UTC) - timedelta(days=200)
    entry = make_entry(occurred_at=late)
    await books.note(entry)
    await wired.partitions.make_missing()

    await books.note(entry)

    name = f"supervisor.audit_events_{late + timedelta(hours=9):%Y_%m}"
    assert await _one(books, "tableoid::regclass::text, audit_id") == (name, entry.audit_id)


TEXTS = st.text(max_size=50)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.fixed_dictionaries(
        dict.fromkeys(("target", "ip", "user_agent", "request_id"), st.none() | TEXTS),
        optional={
            "detail": st.dictionaries(
                TEXTS,
                st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXTS, st.lists),
                max_size=5,
            )
        },
    )
)
async def test_whatever_the_bus_brings_is_logged(books, make_entry, texts):
    entry = make_entry(**texts)
    body = encode(wrap(entry, event_id=uuid4(), time=datetime.now(UTC)))

    await books.note(decode(body).data)

    assert await books.rows(f"{COUNT} WHERE audit_id = %s", entry.audit_id) == [(1,)]

"""After an anonymisation nothing personal is left here, also when more is told of the user later."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from chassis.delivery import AlreadyHandled
from contracts.org_partner import EnrollmentEnded, MembershipGranted, Role, StudentEnrolled
from contracts.tenancy import Tenant
from contracts.usage_metrics import PersonalDataErased

NOW = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)


def _enrolled(user_id, **changes):
    ids = {name: uuid4() for name in ("enrollment_id", "student_id", "class_id", "partner_id", "org_id")}
    return StudentEnrolled.model_validate({**ids, "user_id": user_id, "version": 1, "enrolled_at": NOW, **changes})


def _granted(user_id):
    ids = {"membership_id": uuid4(), "org_id": uuid4(), "user_id": user_id}
    return MembershipGranted.model_validate({**ids, "role": Role.ORG_ADMIN, "version": 1, "granted_at": NOW})


@pytest.fixture
def reports(books):
    async def look():
        query = "SELECT payload -> 'data' FROM usage_metrics.outbox WHERE subject = %s ORDER BY id"
        found = await books.rows(query, PersonalDataErased.type)
        return [PersonalDataErased.model_validate(row[0]) for row in found]

    return look


async def _remains(books, user_id):
    memberships = await books.rows("SELECT count(*) FROM usage_metrics.memberships WHERE user_id = %s", user_id)
    origins = await books.rows("SELECT count(*) FROM supervisor.audit_origins WHERE user_id = %s", user_id)
    return memberships[0][0] + origins[0][0]


async def test_what_may_go_goes_and_what_must_stay_is_an_id(books, reports, make_entry, make_usage):
    gone, stays = uuid4(), uuid4()
    for user_id in (gone, stays):
        await books.project(_enrolled(user_id), _granted(user_id))
        await books.book(make_usage(tenant=Tenant(user_id=user_id)))
        await books.note(make_entry(actor_id=user_id))
        await books.note(make_entry(actor_id=None, target=f"user/{user_id}"))
    await books.note(make_entry(actor_id=stays, target=f"user/{gone}"))
    before = await books.rows("SELECT * FROM supervisor.audit_events ORDER BY audit_id")

    await books.erase(gone)

    assert await _remains(books, gone) == 0
    assert await _remains(books, stays) == 2 + 3
    assert await books.rows("SELECT * FROM supervisor.audit_events ORDER BY audit_id") == before
    assert await books.rows("SELECT count(*) FROM partner.usage_events WHERE user_id = %s", gone) == [(1,)]
    (report,) = await reports()
    counts = {"usage_metrics.memberships": 2, "supervisor.audit_origins": 2, "usage_metrics.dead_letters": 0}
    assert (report.user_id, report.erased, report.remaining) == (gone, counts, 0)


async def test_a_user_of_whom_nothing_is_known_is_reported_too(books, reports):
    await books.erase(uuid4())

    assert [(set(report.erased.values()), report.remaining) for report in await reports()] == [({0}, 0)]


async def test_the_same_delivery_erases_and_reports_once(books, reports):
    user_id, event_id = uuid4(), uuid4()
    await books.erase(user_id, event_id=event_id)

    with pytest.raises(AlreadyHandled):
        await books.erase(user_id, event_id=event_id)
    assert len(await reports()) == 1


async def test_what_is_told_later_brings_nothing_back(books, make_entry, make_usage):
    user_id = uuid4()
    enrolled = _enrolled(user_id)
    await books.project(enrolled)
    await books.erase(user_id)

    ended = EnrollmentEnded.model_validate({**enrolled.model_dump(), "version": 2, "ended_at": NOW})
    await books.project(ended, enrolled, _granted(user_id))
    await books.note(make_entry(actor_id=user_id, action="user.anonymised"))
    await books.note(make_entry(actor_id=None, target=f"user/{user_id}"))
    await books.book(make_usage(tenant=Tenant(user_id=user_id)))

    assert await _remains(books, user_id) == 0
    assert await books.rows("SELECT count(*) FROM supervisor.audit_events") == [(2,)]
    assert await books.rows("SELECT count(*) FROM partner.usage_events") == [(1,)]


async def test_what_is_told_at_the_same_moment_leaves_nothing_either(books, make_entry):
    users = [uuid4() for _ in range(20)]

    async def everything(user_id):
        about = [books.note(make_entry(actor_id=user_id)) for _ in range(3)]
        await asyncio.gather(*about, books.erase(user_id), books.project(_enrolled(user_id)))

    await asyncio.gather(*(everything(user_id) for user_id in users))

    for user_id in users:
        assert await _remains(books, user_id) == 0
    assert await books.rows("SELECT count(*) FROM supervisor.audit_events") == [(60,)]


LETTER = """
    INSERT INTO usage_metrics.dead_letters (id, consumer, stream, stream_seq, subject, body, reason, error, deliveries)
    VALUES (%s, 'c', 'S', 1, %s, %s, 'malformed', 'e', 1) RETURNING 1"""


async def test_dead_letters_keep_their_events_and_lose_what_is_personal(books, reports):
    user_id = uuid4()
    audit = {"id": str(uuid4()), "data": {"actor_id": str(user_id), "ip": "203.0.113.7", "user_agent": "Mozilla"}}
    changed = {"data": {"user_id": str(user_id), "email": "minji@example.com", "display_name": "김민지"}}
    usage = json.dumps({"data": {"tenant": {"user_id": str(user_id)}, "ip": "kept: no person's"}})
    other = json.dumps({"data": {"actor_id": str(uuid4()), "ip": "198.51.100.1"}})
    letters = {
        "identity.audit.recorded.v1": json.dumps(audit),
        "identity.user.changed.v1": json.dumps(changed),
        "identity.user.anonymised.v1": f"no JSON {user_id} minji@example.com",
        "ingest.usage.recorded.v1": usage,
        "rag.audit.recorded.v1": other,
    }
    for subject, body in letters.items():
        await books.rows(LETTER, uuid4(), subject, body)

    await books.erase(user_id)

    found = dict(await books.rows("SELECT subject, body FROM usage_metrics.dead_letters"))
    assert json.loads(found["identity.audit.recorded.v1"]) == {**audit, "data": {"actor_id": str(user_id)}}
    assert json.loads(found["identity.user.changed.v1"]) == {"data": {"user_id": str(user_id)}}
    assert found["identity.user.anonymised.v1"] == ""
    assert (found["ingest.usage.recorded.v1"], found["rag.audit.recorded.v1"]) == (usage, other)
    assert (await reports())[0].erased["usage_metrics.dead_letters"] == 3


NO_EVENTS = ['["USER"]', '{"data": ["USER"]}', '"USER"', '{"USER": 1}', '{"data": null, "id": "USER"}', "\ufeff{}USER"]


@pytest.mark.parametrize("body", [*NO_EVENTS, "[" * 100_000 + "USER"])
async def test_a_letter_of_any_shape_does_not_stop_an_erasure(books, reports, body):
    user_id = uuid4()
    await books.rows(LETTER, uuid4(), "identity.user.changed.v1", body.replace("USER", str(user_id)))

    await books.erase(user_id)

    assert await books.rows("SELECT body FROM usage_metrics.dead_letters") == [("",)]
    assert (await reports())[0].remaining == 0


async def test_a_letter_with_half_a_character_in_it_is_redacted_too(books):
    user_id = uuid4()
    body = '{"data": {"user_id": "USER", "email": "a", "locale": "\\ud800\\u0000"}}'.replace("USER", str(user_id))
    await books.rows(LETTER, uuid4(), "identity.user.changed.v1", body)

    await books.erase(user_id)

    assert await books.rows("SELECT body FROM usage_metrics.dead_letters") == [(body.replace('"email": "a", ', ""),)]

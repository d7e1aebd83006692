"""What became of an anonymised user's data: each service reports, and a supervisor sees who has yet to."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Conflict, NotFound
from contracts import ingest, org_partner, rag, usage_metrics
from contracts.erasure import Erasure
from contracts.streams import SERVICES
from identity.crud import erasures
from identity.models import Base
from identity.worker import create_worker

OTHERS = {module.__name__.rsplit(".", 1)[-1]: module for module in (org_partner, ingest, rag, usage_metrics)}


@pytest.fixture
def report(client):
    """`await report("ingest", user_id, erased={…})`: the service's event arrives."""

    async def take(service: str, user_id: Any, *, event_id: UUID | None = None, **facts: Any) -> None:
        facts = {"erased": {}, "remaining": 0, "erased_at": now()} | facts
        fact: Erasure = OTHERS[service].PersonalDataErased(user_id=user_id, **facts)
        await client.wired.erasures.note(fact, Delivery("identity-note_erasure", event_id or uuid4()))

    return take


@pytest.fixture
async def gone(client, boss, account, sql):
    """An account with something in every table, anonymised by a supervisor."""
    await client.login(account)
    user_id = account.user_id
    await sql.rows("INSERT INTO identity.totp_factors (user_id, sealed) VALUES (%s, '\\x00')", user_id)
    for code in (b"1", b"2"):
        await sql.rows("INSERT INTO identity.recovery_codes (user_id, code_hash) VALUES (%s, %s)", user_id, code)
    query = "INSERT INTO identity.api_keys (api_key_id, user_id, name, secret_hash, scopes, expires_at)"
    await sql.rows(f"{query} VALUES (%s, %s, '민지의 노트북', %s, '{{}}', now())", uuid4(), user_id, b"x")
    query = "INSERT INTO identity.linked_identities (identity_id, user_id, provider, issuer, subject, email)"
    await sql.rows(f"{query} VALUES (%s, %s, 'p', 'i', %s, 'e')", uuid4(), user_id, str(user_id))
    answer = await boss("POST", f"/users/{user_id}/anonymise", {"confirm": account.email})
    assert answer.status_code == 200, answer.text
    return user_id


@pytest.fixture
def look(boss, gone):
    async def read() -> dict[str, Any]:
        answer = await boss("GET", f"/users/{gone}/erasure")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return read


async def test_identity_reports_what_it_erased_itself(look, gone) -> None:
    found = await look()
    assert (found["user_id"], found["complete"]) == (gone, False)
    assert found["outstanding"] == ["org_partner", "ingest", "rag", "usage_metrics"]
    (own,) = found["reported"]
    assert (own["service"], own["remaining"]) == ("identity", 0)
    assert own["erased"] == {
        "user.app_user": 1,
        "identity.credentials": 1,
        "identity.account_tokens": 1,
        "identity.sessions": 1,
        "identity.totp_factors": 1,
        "identity.recovery_codes": 2,
        "identity.api_keys": 1,
        "identity.linked_identities": 1,
    }


async def test_it_is_complete_once_every_service_has_reported(look, gone, report, boss) -> None:
    for number, service in enumerate(OTHERS):
        assert (await look())["complete"] is False
        await report(service, gone, erased={"user.documents": number})
    found = await look()
    assert (found["complete"], found["outstanding"]) == (True, [])
    assert [each["service"] for each in found["reported"]] == list(SERVICES)
    assert (await boss("GET", f"/users/{gone}")).json()["erasure"] == found


async def test_what_remains_keeps_it_incomplete_until_it_is_gone(look, gone, report) -> None:
    early = now()
    for service in OTHERS:
        await report(service, gone, erased={"a": 3}, remaining=int(service == "rag"), erased_at=early)
    assert (await look())["complete"] is False
    await report("rag", gone, erased={"a": 1, "b": 1}, erased_at=early + timedelta(seconds=1))
    found = await look()
    assert found["complete"] is True
    (rag_,) = [each for each in found["reported"] if each["service"] == "rag"]
    assert (rag_["erased"], rag_["remaining"]) == ({"a": 4, "b": 1}, 0)


async def test_an_older_report_that_comes_late_does_not_undo_a_newer_one(look, gone, report) -> None:
    early = now()
    for service in OTHERS:
        await report(service, gone, erased_at=early + timedelta(seconds=1))
    await report("ingest", gone, remaining=5, erased_at=early)
    assert (await look())["complete"] is True


async def test_the_same_report_again_counts_once(look, gone, report) -> None:
    moment, event_id = now(), uuid4()
    await report("ingest", gone, erased={"a": 3}, erased_at=moment, event_id=event_id)
    with pytest.raises(AlreadyHandled):
        await report("ingest", gone, erased={"a": 3}, erased_at=moment, event_id=event_id)
    await report("ingest", gone, erased={"a": 3}, erased_at=moment)  # published again, under another id
    (found,) = [each for each in (await look())["reported"] if each["service"] == "ingest"]
    assert found["erased"] == {"a": 3}


async def test_a_report_of_nobody_or_of_somebody_who_is_still_there(report, account, boss, problem) -> None:
    with pytest.raises(NotFound):
        await report("ingest", uuid4())
    with pytest.raises(Conflict) as refused:
        await report("ingest", account.user_id)
    assert refused.value.code == "user_not_anonymised"
    problem(await boss("GET", f"/users/{account.user_id}/erasure"), 409, "user_not_anonymised")
    problem(await boss("GET", f"/users/{uuid4()}/erasure"), 404, "user_not_found")


async def test_whoever_leaves_by_themselves_is_reported_too(client, account, boss) -> None:
    token = (await client.login(account))["access_token"]
    left = await client.with_token(
        "POST", "/users/me/anonymise", token, {"password": account.password, "confirm": "anonymise"}
    )
    assert left.status_code == 204, left.text
    (own,) = (await boss("GET", f"/users/{account.user_id}/erasure")).json()["reported"]
    assert (own["remaining"], own["erased"]["identity.credentials"]) == (0, 1)


async def test_from_where_a_supervisor_set_things_is_forgotten_with_them(client, boss, stranger, asker, sql) -> None:
    other = stranger()
    other.user_id = str((await client.wired.accounts.create_supervisor(**other.form, locale="ko")).user_id)
    ask = await asker(other)
    await ask("PUT", "/platform-settings/api.requests_per_minute", {"value": 999})
    answer = await boss("POST", f"/users/{other.user_id}/anonymise", {"confirm": other.email})
    (own,) = answer.json()["erasure"]["reported"]
    assert (own["erased"]["supervisor.platform_setting_changes"], own["remaining"]) == (1, 0)
    query = "SELECT ip, user_agent, new_value FROM supervisor.platform_setting_changes WHERE changed_by = %s"
    assert await sql.rows(query, other.user_id) == [{"ip": None, "user_agent": None, "new_value": 999}]


def test_every_table_with_somebody_in_it_is_counted() -> None:
    """Whoever adds a table that says something of a user erases it, and counts it, or says here why not."""
    rows = [*erasures._personal(uuid4()), *erasures._addressed("a@growfit.example", b"", only_used=False)]
    counted = {model.__table__.fullname for model, _ in rows}
    ids_alone = {
        "identity.memberships",  # who is where, which org-partner owns and ends
        "identity.request_counts",  # gone within two minutes
        "identity.erasures",  # the reports themselves
    }
    users = {"user_id", "changed_by", "invited_by", "address_digest"}
    found = {table.fullname for table in Base.metadata.sorted_tables if users & set(table.columns.keys())}
    assert found == counted | ids_alone


async def test_the_worker_takes_the_reports_of_every_service(settings) -> None:
    worker = create_worker(settings)
    try:
        taken = {stream for stream, durable in worker._subscriptions if durable == "identity-note_erasure"}
    finally:
        await worker.database.close()
    assert taken == {service.upper() for service in OTHERS}

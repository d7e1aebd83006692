"""An act and its entry in the audit log stand together or not at all; refusals leave one entry each."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from sqlalchemy import MetaData

from chassis import audit, origin, refusals
from chassis.access import Access
from chassis.app import create_app
from chassis.auth import Caller, Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import (
    DATABASE_UNAVAILABLE,
    SESSION_ENDED,
    TOKEN_INVALID,
    TOO_MANY_REQUESTS,
    Conflict,
    Forbidden,
    GrowFitError,
    Message,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from chassis.origin import Origin
from chassis.plumbing import plumbing_tables
from contracts.audit import AuditEntry, AuditOutcome
from contracts.catalogue import PUBLISHERS
from contracts.streams import SERVICES
from growfit_local.stand_ins import Signer

NO = Message("no_right", "안 됩니다", "No right")
ACTOR = Principal(uuid4(), "user", uuid4(), 0)


@pytest.fixture(autouse=True)
def nowhere() -> None:
    """The tests of one process share a context."""
    origin.set_current(Origin())


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> list[float]:
    """The minute of `refusals`, which must not turn within a test."""
    at = [1_000_020.0]
    monkeypatch.setattr(refusals, "time", SimpleNamespace(time=lambda: at[0]))
    return at


async def entries(store) -> list[AuditEntry]:
    return [event for event in await store.events() if isinstance(event, AuditEntry)]


async def test_an_entry_says_who_what_to_whom_and_from_where(store) -> None:
    org, partner, class_, before = uuid4(), uuid4(), uuid4(), now()
    origin.set_current(Origin("203.0.113.7", "Firefox/150", "request-0001"))
    async with store.database.transaction() as session:
        await audit.record(
            session, "class.closed", actor=ACTOR, target=f"class/{class_}",
            org_id=org, partner_id=partner, class_id=class_, reason="late", count=3,
        )  # fmt: skip
    (entry,) = await entries(store)
    assert entry.type == "usage_metrics.audit.recorded.v1"
    assert (entry.action, entry.outcome, entry.target) == ("class.closed", "succeeded", f"class/{class_}")
    assert (entry.actor_id, entry.session_id) == (ACTOR.user_id, ACTOR.session_id)
    assert (entry.org_id, entry.partner_id, entry.class_id) == (org, partner, class_)
    assert (entry.ip, entry.user_agent, entry.request_id) == ("203.0.113.7", "Firefox/150", "request-0001")
    assert entry.detail == {"reason": "late", "count": 3}
    assert before <= entry.occurred_at <= now()


async def test_what_the_platform_does_by_itself_has_nobody(store) -> None:
    async with store.database.transaction() as session:
        await audit.record(session, "key.rotated", actor=None)
    (entry,) = await entries(store)
    assert {entry.actor_id, entry.session_id, entry.target, entry.org_id, entry.ip, entry.request_id} == {None}


async def test_an_act_that_is_rolled_back_has_no_entry(store) -> None:
    async def fail() -> None:
        async with store.database.transaction() as session:
            await audit.record(session, "class.closed", actor=ACTOR)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await entries(store) == []


@pytest.mark.parametrize(
    "action", ["closed", "Class.closed", "class.closed.again", "class closed", "", "class.", "c1.x"]
)
async def test_an_action_is_a_noun_and_a_past_verb(store, action) -> None:
    with pytest.raises(ValidationError):
        async with store.database.transaction() as session:
            await audit.record(session, action, actor=ACTOR)
    assert await entries(store) == []


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_has_a_type_of_its_own(made, service) -> None:
    """The tables of another service are not there; what it would write is."""
    written: list[Any] = []

    class Session:
        info = {"plumbing": plumbing_tables(MetaData(), schema=service)}  # noqa: RUF012

        async def execute(self, statement: Any) -> None:
            written.append(statement.compile().params)

    await audit.record(Session(), "thing.done", actor=ACTOR)
    (row,) = written
    assert row["subject"] == PUBLISHERS[service].AuditRecorded.type == f"{service}.audit.recorded.v1"


def test_the_types_are_known_without_anything_else() -> None:
    """To a process that imported nothing but this."""
    code = "from chassis import audit; from contracts.event import registered; print(*registered())"
    known = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {f"{service}.audit.recorded.v1" for service in SERVICES} <= set(known)


@pytest.fixture
def signer() -> Signer:
    return Signer()


def router() -> APIRouter:
    found = APIRouter()

    @found.get("/things/{thing_id}")
    async def read(thing_id: UUID, caller: Caller) -> None:
        raise Forbidden(NO)

    @found.get("/missing")
    async def missing(caller: Caller) -> None:
        raise NotFound(NO)

    @found.get("/hidden/{thing_id}")
    async def hidden(thing_id: UUID, caller: Caller) -> None:
        raise NotFound(NO)

    @found.post("/things")
    async def make(caller: Caller) -> None:
        raise Conflict(NO)

    @found.get("/open")
    async def open_() -> None:
        raise Forbidden(NO)

    return found


class Ended:
    """Everybody's sessions have."""

    async def check(self, caller: Principal) -> None:
        raise Unauthenticated(SESSION_ENDED)

    async def value(self, name: str) -> Any: ...


class NoneLeft:
    def count(self, user_id: UUID, *, limit: int) -> None:
        raise RateLimited(TOO_MANY_REQUESTS, limit=5, retry_after=1)


@asynccontextmanager
async def door_of(database: Database, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        service="t", title="t", routers=[router()], access=access, wired=None,
        database=database, registry=CollectorRegistry(),
    )  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


@pytest.fixture
async def door(store, access_with, signer) -> AsyncIterator[httpx.AsyncClient]:
    async with door_of(store.database, access_with(verifier=signer.verifier)) as client:
        yield client


async def test_who_is_refused_is_noted_once(door, store, signer) -> None:
    user_id, session_id = uuid4(), uuid4()
    headers = {
        "Authorization": f"Bearer {signer.token(user_id, session_id=session_id)}",
        "User-Agent": "curl/8",
        "X-Request-Id": "request-0001",
    }
    thing_id = str(uuid4())
    answer = await door.get(f"/things/{thing_id}", headers=headers)
    assert answer.status_code == 403
    (entry,) = await entries(store)
    assert (entry.action, entry.outcome) == ("request.forbidden", AuditOutcome.REFUSED)
    assert entry.target == "route/GET /things/{thing_id}"
    assert entry.detail == {"code": "no_right", "named": {"thing_id": thing_id}}
    assert (entry.actor_id, entry.session_id) == (user_id, session_id)
    assert (entry.ip, entry.user_agent, entry.request_id) == ("127.0.0.1", "curl/8", "request-0001")


async def test_other_refusals_and_strangers_leave_none(door, store, signer) -> None:
    headers = {"Authorization": f"Bearer {signer.token(uuid4())}"}
    assert (await door.get("/missing", headers=headers)).status_code == 404
    assert (await door.post("/things", headers=headers)).status_code == 409
    assert (await door.get("/things/x", headers=headers)).status_code == 422
    assert (await door.get("/open")).status_code == 403
    assert (await door.get(f"/things/{uuid4()}")).status_code == 401
    assert await entries(store) == []


def audited(found: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.action, entry.detail) for entry in found]


async def test_a_forged_token_is_told_once_a_minute_for_each_address(door, store, signer) -> None:
    forged = Signer().token(uuid4())
    for token in (forged, forged, "no.token.atall"):
        assert (await door.get("/missing", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    expired = {"Authorization": f"Bearer {signer.token(uuid4(), lifetime=timedelta(minutes=-5))}"}
    assert (await door.get("/missing", headers=expired)).status_code == 401

    (entry,) = await entries(store)
    assert audited([entry]) == [("token.refused", {"code": "token_invalid"})]
    assert (entry.actor_id, entry.ip, entry.outcome) == (None, "127.0.0.1", AuditOutcome.REFUSED)
    assert forged not in str(entry)


@pytest.mark.parametrize(
    ("part", "status", "action", "detail"),
    [
        ({"platform": Ended()}, 401, "token.refused", {"code": "session_ended"}),
        ({"limits": NoneLeft()}, 429, "limit.reached", {"limit": "requests_per_minute", "most": 5, "minutes": 1}),
    ],
)
async def test_what_befalls_a_known_caller_again_and_again_is_told_once_with_whose_it_was(
    store, access_with, signer, part, status, action, detail
) -> None:
    user_id = uuid4()
    async with door_of(store.database, access_with(verifier=signer.verifier, **part)) as client:
        for _ in range(3):
            headers = {"Authorization": f"Bearer {signer.token(user_id)}"}
            assert (await client.get("/missing", headers=headers)).status_code == status

    (entry,) = await entries(store)
    assert (entry.action, entry.actor_id, entry.detail) == (action, user_id, detail)


async def test_who_asks_for_many_things_that_are_not_theirs_is_told_of_and_who_asks_often_for_one_is_not(
    door, store, signer
) -> None:
    patient, curious = [{"Authorization": f"Bearer {signer.token(uuid4())}"} for _ in range(2)]
    thing_id = uuid4()
    for _ in range(refusals.PROBES + 5):
        assert (await door.get(f"/hidden/{thing_id}", headers=patient)).status_code == 404
    for _ in range(refusals.PROBES - 1):
        await door.get(f"/hidden/{uuid4()}", headers=curious)
    assert await entries(store) == []

    for _ in range(3):
        await door.get(f"/hidden/{uuid4()}", headers=curious)

    (entry,) = await entries(store)
    assert (entry.action, entry.target) == ("ids.probed", "route/GET /hidden/{thing_id}")
    assert entry.detail == {"different_ids": refusals.PROBES}


async def test_strangers_neither_fill_the_audit_log_nor_deafen_it(store, clock) -> None:
    note = refusals.Refusals(store.database).note

    def refused(error: GrowFitError, caller: Principal | None = None) -> refusals.Refused:
        return refusals.Refused(caller, "GET /x", {}, error)

    for number in range(150):
        origin.set_current(Origin(ip=f"203.0.113.{number}"))
        await note(refused(Unauthenticated(TOKEN_INVALID)))
    assert len(await entries(store)) == 100
    await note(refused(Unauthenticated(SESSION_ENDED), ACTOR))
    assert (await entries(store))[-1].actor_id == ACTOR.user_id

    clock[0] += 60
    for number in range(5):
        # One host, whatever it calls itself.
        origin.set_current(Origin(ip=f"2001:db8::{number}"))
        await note(refused(Unauthenticated(TOKEN_INVALID)))
    assert len(await entries(store)) == 102


async def test_what_could_not_be_written_is_told_the_next_time(store) -> None:
    lost = Database("postgresql+psycopg://x:x@127.0.0.1:1/x", store.plumbing, pool_size=1)
    told = refusals.Refusals(lost)
    refused = refusals.Refused(None, "GET /x", {}, Unauthenticated(TOKEN_INVALID))
    with pytest.raises(Unavailable):
        await told.note(refused)
    await lost.close()

    told._database = store.database
    await told.note(refused)

    assert [entry.action for entry in await entries(store)] == ["token.refused"]


async def test_without_a_database_the_refusal_stands_all_the_same(store, access_with, signer, caplog) -> None:
    lost = Database("postgresql+psycopg://x:x@127.0.0.1:1/x", store.plumbing, pool_size=1)
    app = create_app(
        service="t", title="t", routers=[router()], access=access_with(verifier=signer.verifier), wired=None,
        database=lost, registry=CollectorRegistry(),
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {signer.token(uuid4())}", "Accept-Language": "en"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        answer = await client.get(f"/things/{uuid4()}", headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (403, "No right")
    assert DATABASE_UNAVAILABLE.code not in answer.text
    assert "was not told to the audit log" in caplog.text
    await lost.close()

"""An act and its entry in the audit log stand together or not at all; refusals leave one entry each."""

import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from sqlalchemy import MetaData

from chassis import audit, origin
from chassis.app import create_app
from chassis.auth import Caller, Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import DATABASE_UNAVAILABLE, Conflict, Forbidden, Message, NotFound
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

    @found.post("/things")
    async def make(caller: Caller) -> None:
        raise Conflict(NO)

    @found.get("/open")
    async def open_() -> None:
        raise Forbidden(NO)

    return found


@pytest.fixture
async def door(store, access_with, signer) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        service="t", title="t", routers=[router()], access=access_with(verifier=signer.verifier), wired=None,
        database=store.database, registry=CollectorRegistry(),
    )  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
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

"""What stands before a service's routes, put together as every service but identity has it."""

import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, Query
from jwt.algorithms import OKPAlgorithm
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, Field
from sqlalchemy import select

from chassis.access import projected_access
from chassis.app import create_app
from chassis.auth import Caller
from chassis.clock import now
from chassis.delivery import Delivery
from chassis.paging import PageSlice
from chassis.platform import REFRESH_SECONDS, follower
from chassis.settings import ServiceSettings
from contracts.envelope import wrap
from contracts.identity import SessionRevoked
from growfit_local.stand_ins import Signer


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def jwks_url(signer: Signer) -> Iterator[str]:
    public = signer._private.public_key()
    jwk = OKPAlgorithm.to_jwk(public, as_dict=True) | {"kid": "test-key", "use": "sig", "alg": "EdDSA"}
    content = dumps({"keys": [jwk]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def door(store, jwks_url: str) -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter()

    @router.get("/me")
    async def me(caller: Caller) -> UUID:
        return caller.user_id

    @router.get("/things")
    async def things(page: PageSlice, _: Caller, name: Annotated[str, Query(alias="named")] = "") -> str:
        return f"{name} {page.limit}"

    class Wanted(BaseModel):
        first: Annotated[int, Field(alias="from")] = 0
        limit: int = 1

    @router.get("/lines")
    async def lines(wanted: Annotated[Wanted, Query()], _: Caller) -> str:
        return f"{wanted.first} {wanted.limit}"

    settings = ServiceSettings(
        app_env="test", database_url=store.database.url, nats_url="", nats_nkey_seed="", jwks_url=jwks_url
    )
    access = projected_access(settings, store.database, store.access)
    app = create_app(
        service="t", title="t", routers=[router], access=access, wired=None, registry=CollectorRegistry(),
        database=store.database,
    )  # fmt: skip
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client,
    ):
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_sound_token_of_somebody_who_may_is_let_in(door, signer) -> None:
    user_id = uuid4()
    assert (await door.get("/me", headers=bearer(signer.token(user_id)))).json() == str(user_id)
    expired = signer.token(user_id, lifetime=timedelta(minutes=-5))
    assert (await door.get("/me", headers=bearer(expired))).json()["code"] == "token_expired"
    assert (await door.get("/me", headers=bearer(Signer().token(user_id)))).json()["code"] == "token_invalid"


async def test_a_query_that_the_route_does_not_know_is_refused(door, signer) -> None:
    """Of a page's slice, an alias and what is no parameter at all; only to whoever is let in."""
    headers = bearer(signer.token(uuid4()))
    assert (await door.get("/things?named=x&limit=7", headers=headers)).json() == "x 7"
    assert (await door.get("/lines?from=3&limit=2", headers=headers)).json() == "3 2"
    for path, unknown in (
        ("/me?user_id=1", ["user_id"]),
        ("/things?name=x&limit=7&statu=open", ["name", "statu"]),
        ("/lines?first=3", ["first"]),
    ):
        answer = await door.get(path, headers=headers | {"Accept-Language": "en"})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
        errors = answer.json()["errors"]
        assert [each["field"] for each in errors] == [f"query.{name}" for name in unknown]
        assert {each["type"] for each in errors} == {"extra_forbidden"}
    answer = await door.get("/me?user_id=1", headers=headers)
    assert "받지 않는 항목" in answer.json()["errors"][0]["message"]
    assert (await door.get("/me?user_id=1")).status_code == 401


async def test_what_identity_revokes_is_refused_here_within_seconds(door, signer, store, eventually) -> None:
    user_id, session_id = uuid4(), uuid4()
    headers = bearer(signer.token(user_id, session_id=session_id))
    assert (await door.get("/me", headers=headers)).status_code == 200
    fact = SessionRevoked(user_id=user_id, session_id=session_id, token_epoch=0, revoked_at=now())
    envelope = wrap(fact, event_id=uuid4(), time=now())
    follow = follower(store.database, store.access.platform)
    await follow(envelope, Delivery("usage_metrics-follow_platform", envelope.id))
    answer = await eventually(
        lambda: door.get("/me", headers=headers),
        until=lambda found: found.status_code == 401,
        within=REFRESH_SECONDS + 2,
    )
    assert answer.json()["code"] == "session_ended"


async def test_identity_is_asked_about_an_api_key(door) -> None:
    """The endpoint of the test knows no such route, which is identity's failure and not the key's."""
    key = "gfk_" + "0" * 32 + "_" + "a" * 43 + "_e9a1e363"
    answer = await door.get("/me", headers=bearer(key))
    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
    wrong = await door.get("/me", headers=bearer(key[:-1] + "4"))
    assert (wrong.status_code, wrong.json()["code"]) == (401, "api_key_invalid")


async def test_requests_are_counted_and_told_when_the_door_closes(store, jwks_url, signer) -> None:
    settings = ServiceSettings(
        app_env="test", database_url=store.database.url, nats_url="", nats_nkey_seed="", jwks_url=jwks_url
    )
    access = projected_access(settings, store.database, store.access)
    user_id = uuid4()
    access.limits.count(user_id, limit=10)
    await access.close()
    table = store.access.request_counts
    assert await store.rows(select(table.c.user_id, table.c.requests)) == [(user_id, 1)]

"""A login that may do nothing but set up a second factor: every route refuses it but those that are for that."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from chassis import origin
from chassis.app import create_app
from chassis.auth import ENROL_SCOPE, Caller, EnrollingCaller, Principal, RemoteKeyTrade
from chassis.errors import Unauthenticated
from chassis.origin import Origin
from contracts.scopes import SCOPES


class Verifier:
    """Takes a token for its own scopes."""

    async def verify(self, token: str) -> Principal:
        scopes = None if token == "all" else frozenset(token.split(","))
        return Principal(uuid4(), "supervisor", uuid4(), 0, scopes)


@pytest.fixture
async def door(access_with: Any) -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter()

    @router.api_route("/documents", methods=["GET", "POST"])
    async def documents(caller: Caller) -> UUID:
        return caller.user_id

    @router.api_route("/users/me/mfa", methods=["GET", "POST"])
    async def factors(caller: EnrollingCaller) -> UUID:
        return caller.user_id

    app = create_app(
        service="test",
        title="test",
        routers=[router],
        access=access_with(verifier=Verifier()),
        wired=None,
        registry=CollectorRegistry(),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as http:
        yield http


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("scopes", "documents", "factors"),
    [
        ("all", None, None),
        (ENROL_SCOPE, "second_factor_needed", None),
        # No such token is ever made; if it were, it would be no way around.
        (f"{ENROL_SCOPE},documents:read,documents:write", "second_factor_needed", "second_factor_needed"),
        ("documents:read,documents:write", None, "login_needed"),
        (",".join(SCOPES), None, "login_needed"),
        ("search:read", "scope_insufficient", "login_needed"),
    ],
)
async def test_who_gets_where(door, method, scopes, documents, factors) -> None:
    for path, code in (("/documents", documents), ("/users/me/mfa", factors)):
        answer = await door.request(method, path, headers={"Authorization": f"Bearer {scopes}"})
        assert answer.status_code == (403 if code else 200)
        assert code in (None, answer.json()["code"] if code else None)


@pytest.mark.parametrize("status", [401, 422, 429])
async def test_a_key_that_identity_refuses_is_refused_and_told_where_it_came_from(monkeypatch, status) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("x-forwarded-for"))
        return httpx.Response(status)

    real = httpx.AsyncClient
    monkeypatch.setattr(httpx, "AsyncClient", lambda **_: real(transport=httpx.MockTransport(answer)))
    origin.set_current(Origin(ip="203.0.113.7"))
    trade = RemoteKeyTrade("http://identity/.well-known/jwks.json")
    with pytest.raises(Unauthenticated) as refused:
        await trade.trade("gfk_whatever")
    origin.set_current(Origin())
    with pytest.raises(Unauthenticated):
        await trade.trade("gfk_whatever")

    assert refused.value.code == "api_key_invalid"
    assert seen == ["203.0.113.7", None]

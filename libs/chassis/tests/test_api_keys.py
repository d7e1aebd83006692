"""API keys: known by their form, traded at identity for a token, and let in as far as their scopes reach."""

import asyncio
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from chassis import auth, origin
from chassis.app import create_app
from chassis.auth import (
    API_KEY_PATTERN,
    ENROL_SCOPE,
    Caller,
    EnrollingCaller,
    Principal,
    RemoteKeyTrade,
    is_api_key,
    needed_scope,
)
from chassis.errors import SESSION_ENDED, Unauthenticated, Unavailable
from chassis.origin import Origin
from contracts.platform import SETTINGS
from contracts.scopes import AREAS, SCOPES

USER = uuid4()


def api_key() -> str:
    body = f"gfk_{uuid4().hex}_{secrets.token_urlsafe(32)}"
    return f"{body}_{hashlib.sha256(body.encode()).hexdigest()[:8]}"


def test_a_key_is_known_by_its_form_and_checksum() -> None:
    for _ in range(200):
        assert is_api_key(api_key())


def test_a_key_with_any_letter_mistyped_is_none() -> None:
    key = api_key()
    for place, letter in enumerate(key):
        wrong = key[:place] + ("0" if letter != "0" else "1") + key[place + 1 :]
        assert not is_api_key(wrong), place


@pytest.mark.parametrize(
    "make",
    [
        lambda key: "",
        lambda key: "gfk_",
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key + "\n",
        lambda key: " " + key,
        lambda key: key.upper(),
        lambda key: key.replace("gfk_", "sk_"),
        lambda key: key.replace("_", "-"),
        lambda key: key * 1000,
        lambda key: "가" * 90,
    ],
)
def test_what_only_looks_like_one(make: Any) -> None:
    assert not is_api_key(make(api_key()))


def test_the_form_can_be_found_by_those_who_look_for_leaked_secrets() -> None:
    key = api_key()
    assert re.search(API_KEY_PATTERN, f"token = '{key}'")
    assert key.startswith("gfk_")
    assert len(key) == 89


class Identity:
    """identity's route that trades keys, as good or bad as a test needs it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.status, self.expires_in, self.body = 200, 300.0, b""
        self.pause = 0.0
        identity = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                identity.asked.append((self.path, self.headers.get("X-Forwarded-For")))
                assert sent.keys() == {"api_key"}
                time.sleep(identity.pause)
                token = f"token {len(identity.asked)}"
                answer = {"access_token": token, "token_type": "Bearer", "expires_in": identity.expires_in}
                content = identity.body or json.dumps(answer).encode()
                self.send_response(identity.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.jwks_url = f"http://127.0.0.1:{self.server.server_port}/.well-known/jwks.json"


@pytest.fixture
def identity() -> Iterator[Identity]:
    found = Identity()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def trade(identity: Identity) -> RemoteKeyTrade:
    return RemoteKeyTrade(identity.jwks_url)


async def test_a_key_is_traded_once_and_remembered(identity: Identity, trade: RemoteKeyTrade) -> None:
    key, other = api_key(), api_key()
    assert [await trade.trade(key) for _ in range(5)] == ["token 1"] * 5
    assert await trade.trade(other) == "token 2"
    assert [path for path, _ in identity.asked] == ["/auth/api-keys/token"] * 2


async def test_a_token_is_not_used_up_to_its_end(
    identity: Identity, trade: RemoteKeyTrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "_MARGIN_SECONDS", 0.2)
    identity.expires_in = 0.5
    key = api_key()
    assert await trade.trade(key) == await trade.trade(key) == "token 1"
    await asyncio.sleep(0.35)
    assert await trade.trade(key) == "token 2", "it would have expired on its way"


async def test_fifty_at_once_with_one_key_ask_once(identity: Identity, trade: RemoteKeyTrade) -> None:
    identity.pause, key = 0.2, api_key()
    assert set(await asyncio.gather(*(trade.trade(key) for _ in range(50)))) == {"token 1"}
    identity.status = 401
    other = api_key()
    refused = await asyncio.gather(*(trade.trade(other) for _ in range(50)), return_exceptions=True)
    assert {type(each) for each in refused} == {Unauthenticated}
    assert len(identity.asked) == 2


async def test_whoever_gives_up_waiting_takes_nothing_from_the_others(
    identity: Identity, trade: RemoteKeyTrade
) -> None:
    identity.pause, key = 0.2, api_key()
    first = asyncio.create_task(trade.trade(key))
    second = asyncio.create_task(trade.trade(key))
    await asyncio.sleep(0.05)
    first.cancel()
    assert await second == "token 1"
    assert first.cancelled()


async def test_a_refused_key_is_not_remembered(identity: Identity, trade: RemoteKeyTrade) -> None:
    key = api_key()
    for status in (401, 422, 429):
        identity.status = status
        with pytest.raises(Unauthenticated) as refused:
            await trade.trade(key)
        assert (refused.value.code, refused.value.headers) == ("api_key_invalid", {"WWW-Authenticate": "Bearer"})
    identity.status = 200
    assert await trade.trade(key) == "token 4"


@pytest.mark.parametrize("status", [400, 403, 404, 500, 502, 503])
async def test_an_identity_that_fails_is_not_a_wrong_key(
    identity: Identity, trade: RemoteKeyTrade, status: int
) -> None:
    identity.status = status
    with pytest.raises(Unavailable) as failed:
        await trade.trade(api_key())
    assert (failed.value.code, failed.value.headers) == ("keys_unavailable", {"Retry-After": "2"})


@pytest.mark.parametrize(
    "body", [b"no", b"[]", b"null", b"{}", b'{"access_token": "x"}', b'{"access_token": "x", "expires_in": "soon"}']
)
async def test_an_answer_that_is_none(identity: Identity, trade: RemoteKeyTrade, body: bytes) -> None:
    identity.body = body
    with pytest.raises(Unavailable):
        await trade.trade(api_key())


async def test_while_identity_is_down_known_keys_go_on(identity: Identity, trade: RemoteKeyTrade) -> None:
    known, unknown = api_key(), api_key()
    await trade.trade(known)
    identity.server.shutdown()
    identity.server.server_close()
    assert await trade.trade(known) == "token 1"
    with pytest.raises(Unavailable):
        await trade.trade(unknown)


async def test_identity_is_told_where_the_key_came_from(identity: Identity, trade: RemoteKeyTrade) -> None:
    before = origin.current()
    origin.set_current(Origin("203.0.113.7"))
    await trade.trade(api_key())
    origin.set_current(before)
    assert identity.asked == [("/auth/api-keys/token", "203.0.113.7")]


async def test_the_keys_themselves_are_not_kept_and_not_without_end(
    trade: RemoteKeyTrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "_KEYS_REMEMBERED", 3)
    keys = [api_key() for _ in range(5)]
    for key in keys:
        await trade.trade(key)
    assert len(trade._tokens) == 3
    assert not [key for key in keys if key in repr(vars(trade))]


@pytest.mark.parametrize("area", AREAS)
def test_reading_and_writing_are_two_scopes(area: str) -> None:
    for path in (f"/{area}", f"/{area}/1", f"/{area}/1/more"):
        for method in ("GET", "HEAD"):
            assert needed_scope(method, path) == f"{area}:read"
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            writes = f"{area}:write" if f"{area}:write" in SCOPES else None
            assert needed_scope(method, path) == ("search:read" if area == "search" else writes)


@pytest.mark.parametrize(
    "path",
    [
        "/", "", "//", "/users", "/users/me", "/auth/login", "/platform-settings", "/audit-events", "/..", "/%6frgs",
        "/.well-known/jwks.json", "/ORGS", "/orgs:read", "/documentsx", "/x/documents", "/services/ingest/documents",
    ],
)  # fmt: skip
def test_what_no_key_reaches(path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert needed_scope(method, path) is None


class Verified:
    """Tokens that say in clear who comes, and with which scopes."""

    def __init__(self, **scopes: frozenset[str] | None) -> None:
        self._scopes = scopes

    async def verify(self, token: str) -> Principal:
        return Principal(USER, "user", uuid4(), 0, self._scopes[token.partition(" ")[0]])


class Keys:
    """A key's token at its first, second … trade."""

    def __init__(self, *tokens: str) -> None:
        self.tokens, self.forgotten = list(tokens), 0

    async def trade(self, api_key: str) -> str:
        return self.tokens[0]

    def forget(self, api_key: str) -> None:
        self.forgotten += 1
        del self.tokens[0]


class Ended:
    """Of a user whose first token ended."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def check(self, caller: Principal) -> None:
        if self.left:
            self.left -= 1
            raise Unauthenticated(SESSION_ENDED)

    async def value(self, name: str) -> Any:
        return SETTINGS[name].default


@pytest.fixture
def ask(access_with):
    """`await ask("GET", "/documents", scopes={…})`: the answer to a key with these scopes."""
    router = APIRouter()

    for path in ("/documents", "/search", "/users/me", "/usage"):

        @router.get(path)
        @router.post(path)
        async def route(caller: Caller) -> UUID:
            return caller.user_id

    @router.get("/enrolment")
    async def enrolment(caller: EnrollingCaller) -> UUID:
        return caller.user_id

    async def send(
        method: str, path: str, *, scopes: set[str] | None, credential: str = "", **parts: Any
    ) -> tuple[int, str | None]:
        verifier = Verified(token=None if scopes is None else frozenset(scopes))
        access = access_with(verifier=verifier, **{"key_trade": Keys("token 1", "token 2"), **parts})
        app = create_app(
            service="t", title="t", routers=[router], access=access, wired=None, registry=CollectorRegistry()
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as door:
            headers = {"Authorization": f"Bearer {credential or api_key()}"}
            answer = await door.request(method, path, headers=headers)
        return answer.status_code, answer.json()["code"] if answer.status_code != 200 else None

    return send


async def test_a_key_reaches_what_its_scopes_say(ask) -> None:
    scopes = {"documents:read", "search:read"}
    assert await ask("GET", "/documents", scopes=scopes) == (200, None)
    assert await ask("POST", "/search", scopes=scopes) == (200, None)
    assert await ask("POST", "/documents", scopes=scopes) == (403, "scope_insufficient")
    assert await ask("GET", "/usage", scopes=scopes) == (403, "scope_insufficient")
    assert await ask("GET", "/users/me", scopes=set(SCOPES)) == (403, "login_needed")
    assert await ask("GET", "/documents", scopes=set()) == (403, "scope_insufficient")
    assert await ask("GET", "/users/me", scopes=None) == (200, None), "a person has no such limit"


async def test_a_login_without_its_second_factor_reaches_its_enrolment_alone(ask) -> None:
    only = {ENROL_SCOPE}
    assert await ask("GET", "/documents", scopes=only) == (403, "second_factor_needed")
    assert await ask("GET", "/users/me", scopes=only) == (403, "second_factor_needed")
    assert await ask("GET", "/enrolment", scopes=only) == (200, None)
    assert await ask("GET", "/enrolment", scopes=set(SCOPES)) == (403, "login_needed")
    assert await ask("GET", "/enrolment", scopes=set(SCOPES) | only) == (403, "second_factor_needed")
    assert await ask("GET", "/enrolment", scopes=None) == (200, None)


async def test_a_mistyped_key_costs_identity_nothing(ask, identity: Identity) -> None:
    trade = RemoteKeyTrade(identity.jwks_url)
    for wrong in (api_key()[:-1], api_key()[:-1] + "x", "gfk_"):
        answer = await ask("GET", "/documents", scopes=None, credential=wrong, key_trade=trade)
        assert answer == (401, "api_key_invalid")
    assert identity.asked == []


async def test_a_key_outlives_the_sessions_that_its_token_ended_with(ask) -> None:
    """Its user chose a new password, and the token that is remembered for the key is of the time before."""
    keys = Keys("token 1", "token 2")
    assert await ask("GET", "/documents", scopes={"documents:read"}, key_trade=keys, platform=Ended(1)) == (200, None)
    assert keys.forgotten == 1


async def test_a_key_whose_user_is_out_is_out(ask) -> None:
    keys = Keys("token 1", "token 2")
    answer = await ask("GET", "/documents", scopes={"documents:read"}, key_trade=keys, platform=Ended(9))
    assert answer == (401, "session_ended")
    assert keys.forgotten == 1, "asked once more, and not for ever"

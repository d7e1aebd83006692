"""A token is believed for its signature by a published key, and for nothing that it says of itself."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from fastapi import APIRouter
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm
from prometheus_client import CollectorRegistry

from chassis import auth
from chassis.app import create_app
from chassis.auth import Caller, RemoteKeys, Verifier
from chassis.errors import Unauthenticated, Unavailable

KEY = Ed25519PrivateKey.generate()
ATTACKER = Ed25519PrivateKey.generate()
RSA = generate_private_key(public_exponent=65537, key_size=2048)
SUBJECT, SESSION = uuid4(), uuid4()


def jwk(key: Ed25519PrivateKey, kid: str) -> dict[str, Any]:
    return {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "EdDSA", "use": "sig"}


class Endpoint:
    """identity's JWKS endpoint, as good or bad as a test needs it."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.body: Any = {"keys": [jwk(KEY, "k1")]}
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.asked += 1
                content = json.dumps(endpoint.body).encode()
                self.send_response(endpoint.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/.well-known/jwks.json"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    found = Endpoint()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def verifier(endpoint: Endpoint) -> Verifier:
    return Verifier(RemoteKeys(endpoint.url), issuer="growfit")


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    sound = {
        "iss": "growfit",
        "aud": "growfit",
        "sub": str(SUBJECT),
        "sid": str(SESSION),
        "tier": "user",
        "epoch": 3,
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=10),
    }
    return {name: value for name, value in (sound | changes).items() if value is not None}


def token(*, key: Any = KEY, algorithm: str = "EdDSA", header: dict[str, Any] | None = None, **changes: Any) -> str:
    headers = {"typ": "at+jwt", "kid": "k1"} | (header or {})
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def by_hand(header: dict[str, Any], key: bytes | None) -> str:
    """A token that the library would refuse to make."""
    sound = claims()
    body = {name: int(value.timestamp()) if isinstance(value, datetime) else value for name, value in sound.items()}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, body)]
    signed = b".".join(parts)
    signature = hmac.new(key, signed, hashlib.sha256).digest() if key is not None else b""
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


async def test_a_sound_token_names_its_caller(verifier: Verifier) -> None:
    caller = await verifier.verify(token(tier="supervisor"))
    assert (caller.user_id, caller.session_id, caller.token_epoch) == (SUBJECT, SESSION, 3)
    assert caller.is_supervisor
    assert not (await verifier.verify(token())).is_supervisor


async def test_clocks_may_differ_by_half_a_minute(verifier: Verifier) -> None:
    now = datetime.now(UTC)
    await verifier.verify(token(exp=now - timedelta(seconds=20)))
    await verifier.verify(token(nbf=now + timedelta(seconds=20), iat=now + timedelta(seconds=20)))
    with pytest.raises(Unauthenticated) as expired:
        await verifier.verify(token(exp=now - timedelta(seconds=40)))
    assert expired.value.code == "token_expired"
    assert expired.value.headers == {"WWW-Authenticate": "Bearer"}
    with pytest.raises(Unauthenticated) as early:
        await verifier.verify(token(nbf=now + timedelta(seconds=60)))
    assert early.value.code == "token_invalid"


PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PUBLIC_RAW = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
FORGED = {
    "another issuer": lambda: token(iss="evil"),
    "another audience": lambda: token(aud="other"),
    "no audience": lambda: token(aud=None),
    "no expiry": lambda: token(exp=None),
    "no start": lambda: token(nbf=None),
    "no subject": lambda: token(sub=None),
    "no session": lambda: token(sid=None),
    "a subject that is no id": lambda: token(sub="root"),
    "a session that is a number": lambda: token(sid=7),
    "an epoch that is a list": lambda: token(epoch=[1]),
    "an id token": lambda: token(header={"typ": "JWT"}),
    "no type": lambda: token(header={"typ": None}),
    "no key id": lambda: token(header={"kid": ""}),
    "a key id that is a list": lambda: by_hand({"alg": "EdDSA", "typ": "at+jwt", "kid": ["k1"]}, b""),
    "an unknown key id": lambda: token(header={"kid": "k9"}),
    "a foreign signature": lambda: token(key=ATTACKER),
    "a jwk header": lambda: token(key=ATTACKER, header={"jwk": jwk(ATTACKER, "k1")}),
    "a jku header": lambda: token(key=ATTACKER, header={"jku": "http://127.0.0.1:9/jwks.json"}),
    "an x5u header": lambda: token(key=ATTACKER, header={"x5u": "http://127.0.0.1:9/cert.pem"}),
    "another algorithm": lambda: token(key=RSA, algorithm="RS256"),
    "HS256 with the public key as PEM": lambda: by_hand({"alg": "HS256", "typ": "at+jwt", "kid": "k1"}, PUBLIC_PEM),
    "HS256 with the public key raw": lambda: by_hand({"alg": "HS256", "typ": "at+jwt", "kid": "k1"}, PUBLIC_RAW),
    "no algorithm": lambda: by_hand({"alg": "none", "typ": "at+jwt", "kid": "k1"}, None),
    "a changed claim": lambda: token().replace(".", ".e", 1),
    "a cut signature": lambda: token()[:-4],
    "an unsigned tail": lambda: token().rsplit(".", 1)[0] + ".",
    "nothing": lambda: "",
    "garbage": lambda: "a.b.c",
    "half a surrogate": lambda: "\udcff.b.c",
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_or_unfit_token_is_refused(verifier: Verifier, endpoint: Endpoint, name: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(FORGED[name]())
    assert refused.value.code == "token_invalid"
    assert endpoint.asked <= 1


async def test_a_tampered_claim_breaks_the_signature(verifier: Verifier) -> None:
    head, body, signature = token().split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed["tier"] = "supervisor"
    body = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"{head}.{body}.{signature}")


async def test_a_key_of_another_kind_under_a_known_id_verifies_nothing(verifier: Verifier, endpoint: Endpoint) -> None:
    rsa = {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "k1"}
    endpoint.body = {"keys": [rsa]}
    for made in (token(), token(key=RSA, algorithm="RS256")):
        with pytest.raises(Unauthenticated):
            await verifier.verify(made)


async def test_an_unknown_key_id_asks_once_for_all_who_wait(
    verifier: Verifier, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    await verifier.verify(token())
    assert endpoint.asked == 1
    monkeypatch.setattr(auth, "_REFETCH_SECONDS", 0)  # it is over
    endpoint.body["keys"].append(jwk(ATTACKER, "k2"))  # a new key of identity's
    rotated = token(key=ATTACKER, header={"kid": "k2"})
    callers = await asyncio.gather(*(verifier.verify(rotated) for _ in range(50)))
    assert {caller.user_id for caller in callers} == {SUBJECT}
    assert endpoint.asked == 2
    monkeypatch.setattr(auth, "_REFETCH_SECONDS", 3600)
    unknown = token(header={"kid": "k9"})
    refused = await asyncio.gather(*(verifier.verify(unknown) for _ in range(50)), return_exceptions=True)
    assert {type(each) for each in refused} == {Unauthenticated}
    assert endpoint.asked == 2, "not again so soon, whoever asks"
    monkeypatch.setattr(auth, "_REFETCH_SECONDS", 0)
    with pytest.raises(Unauthenticated):
        await verifier.verify(unknown)
    assert endpoint.asked == 3


def test_a_refetch_is_at_least_ten_seconds_after_the_last_one() -> None:
    assert auth._REFETCH_SECONDS >= 10


@pytest.mark.parametrize("body", [{"keys": []}, {}, [], None, "no", {"keys": [{"kty": "OKP"}]}])
async def test_the_last_good_keys_are_kept_while_the_endpoint_is_bad(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    monkeypatch.setattr(auth, "_REFETCH_SECONDS", 0)
    monkeypatch.setattr(auth, "_CACHE_SECONDS", 0)
    verifier = Verifier(RemoteKeys(endpoint.url), issuer="growfit")
    await verifier.verify(token())
    endpoint.body = body
    assert (await verifier.verify(token())).user_id == SUBJECT
    endpoint.status = 503
    assert (await verifier.verify(token())).user_id == SUBJECT
    assert endpoint.asked == 3


async def test_a_withdrawn_key_is_believed_no_longer_than_the_cache(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "_REFETCH_SECONDS", 0)
    verifier = Verifier(RemoteKeys(endpoint.url), issuer="growfit")
    await verifier.verify(token())
    endpoint.body = {"keys": [jwk(ATTACKER, "k2")]}
    await verifier.verify(token())
    monkeypatch.setattr(auth, "_CACHE_SECONDS", 0)  # it is over
    with pytest.raises(Unauthenticated):
        await verifier.verify(token())


async def test_without_any_key_nobody_is_let_in_and_nobody_queues(endpoint: Endpoint, verifier: Verifier) -> None:
    """The first fetch fails: the callers share that failure, and the next try comes soon."""
    endpoint.status = 503
    refused = await asyncio.gather(*(verifier.verify(token()) for _ in range(50)), return_exceptions=True)
    assert {type(each) for each in refused} == {Unavailable}
    assert endpoint.asked == 1
    endpoint.status = 200
    await asyncio.sleep(auth._FIRST_FETCH_SECONDS + 0.1)
    assert (await verifier.verify(token())).user_id == SUBJECT


async def test_the_door_asks_for_a_token(verifier: Verifier, access_with: Any) -> None:
    router = APIRouter()

    @router.get("/me")
    async def me(caller: Caller) -> UUID:
        return caller.user_id

    app = create_app(
        service="test",
        title="test",
        routers=[router],
        access=access_with(verifier=verifier),
        wired=None,
        registry=CollectorRegistry(),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as door:
        assert (await door.get("/me", headers={"Authorization": f"Bearer {token()}"})).json() == str(SUBJECT)
        missing = await door.get("/me")
        assert (missing.status_code, missing.json()["code"]) == (401, "token_missing")
        assert missing.headers["www-authenticate"] == "Bearer"
        for wrong in (f"Basic {token()}", "Bearer", "Bearer  ", token()):
            assert (await door.get("/me", headers={"Authorization": wrong})).status_code == 401


def test_the_private_half_never_stands_in_a_published_key() -> None:
    private = KEY.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    assert base64.urlsafe_b64encode(private).decode().rstrip("=") not in json.dumps(jwk(KEY, "k1"))

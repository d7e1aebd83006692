"""A provider, or somebody in its place, that does what it must not: nobody gets in, and nobody waits for long."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import time
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from identity.adapters import oidc_http, oidc_keys, oidc_metadata

from .conftest import CLIENT_ID, EC_KEY, ED_KEY, OTHER_RSA_KEY, RSA_KEY, jwk


def signed(key, algorithm: str, kid: str | None = "rsa", **header):
    headers = {"kid": kid} if kid else {}
    return lambda claims: jwt.encode(claims, key, algorithm=algorithm, headers=headers | header)


def by_hand(header: dict, key: bytes | None):
    """A token that the library would refuse to make."""

    def sign(claims: dict) -> str:
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
        body = b".".join(parts)
        signature = hmac.new(key, body, hashlib.sha256).digest() if key else b""
        return (body + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()

    return sign


PUBLIC_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("keys", "sign"),
    [
        ([jwk(RSA_KEY, "rsa", "RS256")], signed(RSA_KEY, "RS256")),
        ([jwk(RSA_KEY, "rsa")], signed(RSA_KEY, "PS256")),
        ([jwk(EC_KEY, "ec", "ES256")], signed(EC_KEY, "ES256", "ec")),
        ([jwk(ED_KEY, "ed", "EdDSA")], signed(ED_KEY, "EdDSA", "ed")),
        ([jwk(RSA_KEY, None)], signed(RSA_KEY, "RS256", None)),
        ([jwk(EC_KEY, "ec"), jwk(OTHER_RSA_KEY, "old"), jwk(RSA_KEY, "rsa")], signed(RSA_KEY, "RS256", None)),
        ([{"kty": "new"}, {"kty": "RSA", "kid": "rsa", "use": "enc"}, jwk(RSA_KEY, "rsa")], signed(RSA_KEY, "RS256")),
    ],
    ids=["RS256", "PS256", "ES256", "EdDSA", "no key ids", "one of several", "among what we do not know"],
)
async def test_what_a_good_provider_does_is_taken(login, one, keys, sign) -> None:
    one.keys, one.sign = keys, sign
    answer = await login()

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": None},
        {"aud": [CLIENT_ID, "another-client"]},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"azp": "another-client"},
        {"exp": timedelta(minutes=-1)},
        {"exp": None},
        {"exp": "never"},
        {"iat": timedelta(hours=1)},
        {"iat": None},
        {"nbf": timedelta(hours=1)},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["x"]},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
    ids=str,
)
async def test_claims_that_are_not_for_us(login, one, problem, sql, change) -> None:
    # The clock is read here: a test is named while it is collected, and every worker must give it the same name.
    change = {
        claim: int(time.time() + value.total_seconds()) if isinstance(value, timedelta) else value
        for claim, value in change.items()
    }
    problem(await login(**change), 401, "oidc_refused")

    assert await sql.rows("SELECT 1 FROM identity.linked_identities WHERE email = %s", one.claims["email"]) == []


async def test_an_audience_of_several_is_ours_when_it_was_made_for_us(login) -> None:
    assert (await login(aud=[CLIENT_ID, "another-client"], azp=CLIENT_ID)).status_code == 200


FORGED = {
    "none": by_hand({"alg": "none", "typ": "JWT"}, None),
    "None with a key id": by_hand({"alg": "None", "kid": "rsa"}, None),
    "HS256 with the public key": by_hand({"alg": "HS256", "kid": "rsa"}, PUBLIC_PEM),
    "HS256 with the client's secret": signed("s3cret+with/signs" * 3, "HS256"),
    "HS256 with nothing": by_hand({"alg": "HS256"}, b""),
    "another key": signed(OTHER_RSA_KEY, "RS256"),
    "an unknown key": signed(OTHER_RSA_KEY, "RS256", "nobody's"),
    "another algorithm": signed(EC_KEY, "ES256"),
    "a key of its own": by_hand({"alg": "RS256", "jwk": jwk(OTHER_RSA_KEY, "rsa")}, None),
    "an unsupported extension": signed(RSA_KEY, "RS256", crit=["x"], x=1),
    "no token": lambda _: "",
    "nonsense": lambda _: "a.b.c",
    "a list": lambda _: ["x"],
    "nothing": lambda _: None,
    "hostile bytes": lambda _: "\x00" * 50,
}


@pytest.mark.parametrize("sign", FORGED.values(), ids=FORGED)
async def test_forged_tokens(login, one, problem, sign) -> None:
    one.sign = sign
    problem(await login(), 401, "oidc_refused")


async def test_a_key_for_one_algorithm_signs_with_no_other(login, one, problem) -> None:
    one.keys, one.sign = [jwk(RSA_KEY, "rsa", "RS256")], signed(RSA_KEY, "RS512")
    problem(await login(), 401, "oidc_refused")


async def test_a_secret_key_among_the_public_ones_is_none(login, one, problem) -> None:
    secret = {"kty": "oct", "kid": "rsa", "k": base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")}
    one.keys, one.sign = [secret], signed(b"k" * 32, "HS256")
    problem(await login(), 401, "oidc_refused")


async def test_keys_are_replaced_without_a_failed_login(login, one, monkeypatch) -> None:
    monkeypatch.setattr(oidc_keys, "REFETCH_SECONDS", 0.0)
    assert (await login()).status_code == 200
    one.keys.append(jwk(EC_KEY, "new"))
    one.sign = signed(EC_KEY, "ES256", "new")
    assert (await login()).status_code == 200
    one.keys = [jwk(EC_KEY, "new")]
    assert (await login()).status_code == 200
    assert one.asked.count("jwks") == 2


async def test_an_unknown_key_asks_the_provider_once_and_not_for_each_token(login, one, problem) -> None:
    one.sign = signed(OTHER_RSA_KEY, "RS256", "nobody's")
    for _ in range(3):
        problem(await login(), 401, "oidc_refused")
    assert one.asked.count("jwks") == 1


async def test_the_discovery_document_is_read_once(login, one) -> None:
    for _ in range(3):
        assert (await login()).status_code == 200
    assert one.asked.count("openid-configuration") == 1


async def test_what_is_known_of_a_provider_outlives_its_absence(login, one, monkeypatch) -> None:
    assert (await login()).status_code == 200
    monkeypatch.setattr(oidc_metadata, "CACHE_SECONDS", 0.0)
    monkeypatch.setattr(oidc_keys, "CACHE_SECONDS", 0.0)
    monkeypatch.setattr(oidc_keys, "REFETCH_SECONDS", 0.0)
    one.instead = dict.fromkeys(("openid-configuration", "jwks"), lambda _: Response(status_code=503))

    assert (await login()).status_code == 200


BAD_ANSWERS = {
    "a huge document": lambda _: JSONResponse({"issuer": "x" * oidc_http.MAX_BYTES}),
    "a compressed one": lambda _: Response(
        gzip.compress(b'{"a": "' + b"x" * 10_000_000 + b'"}'), headers={"Content-Encoding": "gzip"}
    ),
    "a redirect loop": lambda request: RedirectResponse(f"{request.base_url}loop"),
    "no JSON": lambda _: PlainTextResponse("<html>"),
    "a list": lambda _: JSONResponse([]),
    "deep JSON": lambda _: PlainTextResponse("[" * 100_000),
    "nothing": lambda _: Response(),
    "an error": lambda _: Response(status_code=500),
    "too many requests": lambda _: JSONResponse({}, status_code=429),
    "hostile bytes": lambda _: Response(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_a_broken_discovery_document(browser, one, problem, answer) -> None:
    one.instead["openid-configuration"] = answer
    refused = await browser("one").start()

    assert "하나" in problem(refused, 503, "oidc_provider_down")["detail"]
    assert refused.headers["retry-after"] == "10"
    assert "loop" not in one.asked


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"token_endpoint": 7},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": "ftp://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "https://[::1"},
        {"token_endpoint": ""},
    ],
    ids=str,
)
async def test_a_discovery_document_that_lies(browser, one, problem, change) -> None:
    one.discovery = change
    problem(await browser("one").start(), 503, "oidc_provider_down")


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
@pytest.mark.parametrize("path", ["token", "jwks"])
async def test_a_broken_answer_later(login, one, problem, path, answer) -> None:
    one.instead[path] = answer
    problem(await login(), 503, "oidc_provider_down")


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client"])
async def test_when_the_provider_does_not_know_us_it_is_the_operators_to_mend(login, one, problem, error) -> None:
    one.instead["token"] = lambda _: JSONResponse({"error": error}, status_code=401)
    problem(await login(), 503, "oidc_provider_down")


@pytest.mark.parametrize("body", [{"error": "invalid_grant"}, {"error": ["x"]}, {"error": "x" * 10_000}, {}])
async def test_when_it_does_not_take_the_code(login, one, problem, body) -> None:
    one.instead["token"] = lambda _: JSONResponse(body, status_code=400)
    problem(await login(), 401, "oidc_refused")


@pytest.mark.parametrize("path", ["openid-configuration", "token", "jwks"])
async def test_a_slow_provider_holds_nobody_up(browser, login, one, problem, monkeypatch, path) -> None:
    monkeypatch.setattr(oidc_http, "SECONDS", 0.3)
    go_on = asyncio.Event()

    async def drip():
        yield b"{"
        await go_on.wait()

    one.instead[path] = lambda _: StreamingResponse(drip())
    began = time.monotonic()
    try:
        answers = (
            await asyncio.gather(*(browser("one").start() for _ in range(5))) if path[0] == "o" else [await login()]
        )
    finally:
        go_on.set()

    for answer in answers:
        problem(answer, 503, "oidc_provider_down")
    assert time.monotonic() - began < 5


async def test_a_provider_that_is_not_there(browser, client, problem) -> None:
    problem(await browser("gone").start(), 503, "oidc_provider_down")
    assert (await client.http.get("/health")).status_code == 200


async def test_no_transaction_waits_for_a_provider(settings, login, one, monkeypatch) -> None:
    """While a provider is slow, the database's connections are everybody's."""
    from identity.factory import wire  # noqa: PLC0415

    wired = wire(settings.model_copy(update={"database_pool_size": 1}))
    go_on, reached = asyncio.Event(), asyncio.Event()
    usual = one._tokens

    async def slow(request):
        form = dict(await request.form())
        reached.set()
        await go_on.wait()
        return usual(form, request.headers.get("authorization", ""))

    one.instead["token"] = slow
    started = await wired.oidc.start("one", redirect_uri=None)
    code, state = one.consent(started.authorization_url)
    ending = asyncio.create_task(
        wired.oidc.complete("one", state=state, code=code, login_token=started.login_token, user_agent="")
    )
    await reached.wait()
    assert wired.database._engine.pool.checkedout() == 0
    go_on.set()
    await ending
    await wired.database.close()


async def test_what_is_told_at_userinfo_alone(login, one, client) -> None:
    email = f"{uuid4().hex[:12]}@example.com"
    one.userinfo = {"sub": one.claims["sub"], "email": email, "email_verified": True, "name": "정보"}
    token = (await login(email=None, email_verified=None, name=None)).json()["access_token"]

    me = (await client.with_token("GET", "/users/me", token)).json()
    assert (me["email"], me["display_name"]) == (email, "정보")


@pytest.mark.parametrize(
    "userinfo",
    [
        {"sub": "somebody else", "email": "a@example.com", "email_verified": True},
        {"email": "a@example.com", "email_verified": True},
        # The token says that some address is verified, but not which.
        {"sub": None, "email": "a@example.com"},
    ],
    ids=["another subject", "no subject", "not verified there"],
)
async def test_userinfo_that_proves_nothing(login, one, problem, userinfo) -> None:
    one.userinfo = userinfo | ({"sub": one.claims["sub"]} if userinfo.get("sub", "") is None else {})
    verified = True if userinfo.get("sub", "") is None else None
    problem(await login(email=None, email_verified=verified), 403, "oidc_email_unverified")


@pytest.mark.parametrize("methods", [["client_secret_post"], ["client_secret_basic"], ["private_key_jwt"], None])
async def test_how_we_show_who_we_are(login, one, methods) -> None:
    one.discovery = {"token_endpoint_auth_methods_supported": methods} if methods else {}
    assert (await login()).status_code == 200


async def test_secrets_and_codes_are_in_no_log(login, one, problem, caplog) -> None:
    caplog.set_level("DEBUG")
    code_seen: list[str] = []
    one.sign = lambda claims: code_seen.append(signed(OTHER_RSA_KEY, "RS256")(claims)) or code_seen[-1]
    problem(await login(), 401, "oidc_refused")
    one.instead["token"] = lambda _: Response(status_code=500)
    problem(await login(), 503, "oidc_provider_down")

    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("identity", "chassis"))
    )
    assert "oidc" in ours or "ID token" in ours
    for secret in ("s3cret", code_seen[0], one.claims["email"], one.claims["sub"]):
        assert secret not in ours

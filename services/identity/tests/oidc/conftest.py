"""Two real OpenID providers: a package's, for what a good one does, and one of our own that also does what is wrong."""

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from growfit_local import ports
from identity.adapters import oidc_keys, oidc_metadata
from identity.config import Settings

CLIENT_ID, CLIENT_SECRET = "growfit-client", "s3cret+with/signs"
BASIC = f"Basic {b64encode(f'{CLIENT_ID}:{CLIENT_SECRET}'.encode()).decode()}"
PUBLIC_URL = "https://growfit.example"

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str | None, alg: str | None = None) -> dict[str, Any]:
    algorithm = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    kind = next((found for cls, found in algorithm.items() if isinstance(key, cls)), OKPAlgorithm)
    made = kind.to_jwk(key.public_key(), as_dict=True)
    return made | ({"kid": kid} if kid else {}) | ({"alg": alg} if alg else {}) | {"use": "sig"}


@dataclass
class Provider:
    """A provider that can be told what to do wrong. `codes`: what was asked for, by the code that was given."""

    issuer: str = ""
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(RSA_KEY, "rsa")])
    discovery: dict[str, Any] = field(default_factory=dict)
    # Makes the ID token from its claims.
    sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode(
        claims, RSA_KEY, algorithm="RS256", headers={"kid": "rsa"}
    )
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    # Instead of what a path would answer.
    instead: dict[str, Callable[[Request], Any]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/jwks", self._jwks),
            Route("/token", self._token, methods=["POST"]),
            Route("/userinfo", self._userinfo),
            Route("/loop", self._loop),
        ]

    def consent(self, authorization_url: str) -> tuple[str, str]:
        """What a person does at the provider: code and state, as the browser brings them back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()}
        code = uuid4().hex
        self.codes[code] = query
        return code, query["state"]

    async def _answer(self, request: Request, usual: Callable[[], Any]) -> Response:
        path = request.url.path.rsplit("/", 1)[-1]
        self.asked.append(path)
        if path in self.instead:
            found = self.instead[path](request)
            return await found if asyncio.iscoroutine(found) else found
        return usual()

    async def _discovery(self, request: Request) -> Response:
        addresses = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        body = {"issuer": self.issuer, "userinfo_endpoint": f"{self.issuer}/userinfo"}
        body |= {name: f"{self.issuer}/{path}" for name, path in addresses.items()}
        return await self._answer(request, lambda: JSONResponse(body | self.discovery))

    async def _jwks(self, request: Request) -> Response:
        return await self._answer(request, lambda: JSONResponse({"keys": self.keys}))

    async def _token(self, request: Request) -> Response:
        form = dict(await request.form())
        header = request.headers.get("authorization", "")
        return await self._answer(request, lambda: self._tokens(form, header))

    def _tokens(self, form: dict[str, Any], header: str) -> Response:
        asked = self.codes.pop(str(form.get("code")), None)
        verifier = str(form.get("code_verifier", ""))
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        sent = (form.get("client_id"), form.get("client_secret"))
        if header != BASIC and sent != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if asked is None or challenge != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(claims)})

    async def _userinfo(self, request: Request) -> Response:
        return await self._answer(
            request, lambda: JSONResponse(self.userinfo or {}, status_code=200 if self.userinfo else 404)
        )

    async def _loop(self, request: Request) -> Response:
        return await self._answer(request, lambda: RedirectResponse(f"{self.issuer}/loop"))


@asynccontextmanager
async def serving(provider: Provider) -> AsyncIterator[Provider]:
    app = Starlette(routes=provider.routes())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        task = asyncio.create_task(server._serve([listening]))
        while not server.started:  # noqa: ASYNC110  it has no event to wait for
            await asyncio.sleep(0.01)
        provider.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield provider
        server.should_exit = True
        await task


@pytest.fixture(scope="module")
async def servers() -> AsyncIterator[tuple[Provider, Provider]]:
    async with serving(Provider()) as one, serving(Provider()) as two:
        yield one, two


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The package's provider, in a process of its own; its issuer."""
    port = ports.unused(exclude=set())
    environment = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1"}
    log = (tmp_path_factory.mktemp("oidc") / "provider.log").open("wb")
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    issuer = f"http://localhost:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield issuer
    finally:
        process.terminate()
        process.wait(10)
        log.close()


@pytest.fixture(scope="module")
def settings(settings: Settings, good: str, servers: tuple[Provider, Provider]) -> Settings:
    common = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    providers = [
        {"name": "good", "title": "좋은 학교", "issuer": good, **common},
        {"name": "one", "title": "하나", "issuer": servers[0].issuer, **common},
        {"name": "two", "title": "둘", "issuer": servers[1].issuer, **common},
        {"name": "gone", "title": "없는 곳", "issuer": "http://127.0.0.1:1", **common},
    ]
    return Settings(**settings.model_dump(exclude={"oidc_providers"}), oidc_providers=json.dumps(providers))


@pytest.fixture
def one(servers: tuple[Provider, Provider], client: Any) -> Provider:
    """Our own provider as good as new, and nothing of it remembered."""
    provider = servers[0]
    fresh = Provider()
    for name in ("keys", "discovery", "sign", "claims", "userinfo", "instead", "codes", "asked"):
        setattr(provider, name, getattr(fresh, name))
    provider.claims = {"sub": uuid4().hex, "email": f"{uuid4().hex[:12]}@example.com", "email_verified": True}
    provider.claims["name"] = "이하나"
    forget(client, "one")
    return provider


def forget(client: Any, name: str) -> None:
    """As if the process had just started."""
    known = client.wired.oidc._providers._providers[name]
    known._metadata = oidc_metadata.ProviderMetadata(known.settings.issuer, title=known.settings.title)
    known._keys = oidc_keys.ProviderKeys(title=known.settings.title)


@dataclass
class Browser:
    """Goes away to a provider and comes back."""

    client: Any
    provider: str
    started: dict[str, Any] = field(default_factory=dict)

    async def start(self, **body: Any) -> httpx.Response:
        answer = await self.client.post(f"/auth/oidc/{self.provider}/start", body)
        self.started = answer.json()
        return answer

    async def complete(self, code: str, **changes: Any) -> httpx.Response:
        body = {"state": self.started["state"], "login_token": self.started["login_token"], "code": code} | changes
        return await self.client.post(f"/auth/oidc/{self.provider}/complete", body)


@pytest.fixture
def browser(client: Any) -> Callable[[str], Browser]:
    return lambda provider: Browser(client, provider)


@pytest.fixture
def login(browser: Any, one: Provider):
    """The whole way at our own provider; the answer to `complete`."""

    async def go(**claims: Any) -> httpx.Response:
        one.claims |= claims
        visitor = browser("one")
        assert (await visitor.start()).status_code == 201
        code, _ = one.consent(visitor.started["authorization_url"])
        return await visitor.complete(code)

    return go

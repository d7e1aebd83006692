"""identity on a real database, through the same wiring as `make up`."""

import base64
import email
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.policy import default
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from contracts.envelope import decode
from contracts.event import Event
from growfit_local import stand_ins
from growfit_local.servers import Database as TestDatabase
from identity.config import Settings
from identity.main import create_app

PASSWORD = "correct-horse-battery"


class Sql(stand_ins.Sql):
    """Looks into the database past the service, and moves what only time would move."""

    async def events(self, user_id: str | UUID) -> list[Event]:
        query = "SELECT payload::text AS body FROM identity.outbox WHERE payload->'data'->>'user_id' = %s ORDER BY id"
        return [decode(row["body"].encode()).data for row in await self.rows(query, str(user_id))]

    async def audited(self, target: str | None = None, *, ip: str | None = None) -> list[dict[str, Any]]:
        """What the audit log was told of a target, or of what came from an address; the oldest first."""
        query = """SELECT payload->'data' AS entry FROM identity.outbox
            WHERE subject = 'identity.audit.recorded.v1' AND (%s::text IS NULL OR payload->'data'->>'target' = %s)
              AND (%s::text IS NULL OR payload->'data'->>'ip' = %s) ORDER BY id"""
        return [row["entry"] for row in await self.rows(query, target, target, ip, ip)]


@dataclass
class Account:
    """What somebody signed up with. A new address each time."""

    email: str = field(default_factory=lambda: f"minji.{uuid4().hex[:12]}@example.com")
    password: str = PASSWORD
    user_id: str = ""

    @property
    def form(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password, "display_name": "김민지"}

    @property
    def login(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password}


class Client:
    """The HTTP door, in process."""

    def __init__(self, http: httpx.AsyncClient, app: Any) -> None:
        self.http = http
        self.app = app
        self.wired = app.state.wired

    def at(self, ip: str) -> "Client":
        """The same door, come to from an address."""
        transport = httpx.ASGITransport(self.app, client=(ip, 50_000))
        return Client(httpx.AsyncClient(transport=transport, base_url="http://identity"), self.app)

    async def post(self, path: str, body: Any = None, language: str = "ko", **options: Any) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"Accept-Language": language}, **options)

    async def sign_up(self) -> Account:
        account = Account()
        answer = await self.post("/auth/sign-up", account.form)
        assert answer.status_code == 201, answer.text
        account.user_id = answer.json()["user_id"]
        return account

    async def login(self, account: Account) -> dict[str, Any]:
        answer = await self.post("/auth/login", account.login)
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def refresh(self, token: str) -> httpx.Response:
        return await self.post("/auth/refresh", {"refresh_token": token})

    async def with_token(self, method: str, path: str, token: str, body: Any = None) -> httpx.Response:
        return await self.http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def settings(database: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        app_env="test",
        database_url=database.url("identity"),
        nats_url="nats://127.0.0.1:1",
        nats_nkey_seed=database.layout.secrets["NATS_IDENTITY_SEED"],
        jwks_url="http://127.0.0.1:1/jwks.json",
        mail_url=tmp_path_factory.mktemp("mail").as_uri(),
        public_url="https://growfit.example",
        key_encryption_key=base64.b64encode(secrets.token_bytes(32)).decode(),
    )


@pytest.fixture(scope="module")
async def sql(database: TestDatabase) -> AsyncIterator[Sql]:
    sql = Sql(database.libpq_url("postgres"))
    yield sql
    await sql.close()


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[Client]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://identity") as http,
    ):
        yield Client(http, app)


@pytest.fixture
async def account(client: Client) -> Account:
    return await client.sign_up()


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str

    @property
    def link(self) -> str:
        (link,) = re.findall(r"^https://\S+$", self.text, re.MULTILINE)
        return str(link)

    @property
    def token(self) -> str:
        return self.link.rpartition("=")[2]


def _letters_to(address: str, folder: Path) -> list[Letter]:
    found = [email.message_from_bytes(path.read_bytes(), policy=default) for path in sorted(folder.glob("*.eml"))]
    return [Letter(str(each["Subject"]), each.get_content()) for each in found if each["To"] == address]


@pytest.fixture
def letters(client: Client, settings: Settings):
    """`await letters(address)`: what was written to it and has left the queue by then, the oldest first."""
    folder = Path(unquote(urlsplit(settings.mail_url).path))

    async def read(address: str) -> list[Letter]:
        while await client.wired.mails.send_next():
            pass
        return _letters_to(address, folder)

    return read


@pytest.fixture
async def setting(client: Client, sql: Sql):
    """`async with setting("security.login_attempts", 3):` the platform is set so meanwhile."""
    guard = client.wired.access.platform

    @asynccontextmanager
    async def use(name: str, value: Any) -> AsyncIterator[None]:
        query = """INSERT INTO supervisor.platform_setting (name, setting_id, value) VALUES (%s, %s, %s)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
        await sql.rows(query, name, uuid4(), json.dumps(value))
        guard._read_at = float("-inf")
        try:
            yield
        finally:
            await sql.rows("DELETE FROM supervisor.platform_setting WHERE name = %s", name)
            guard._read_at = float("-inf")

    return use


_places = count(1)


@pytest.fixture
def network():
    """`network(7)`: an address in a network of this test's own; each call of the fixture has 256 of them."""
    test = next(_places)

    def address(number: int = 0, host: int = 1) -> str:
        return f"10.{test}.{number}.{host}"

    return address


@pytest.fixture
async def supervisor(client: Client) -> Account:
    account = Account()
    profile = await client.wired.accounts.create_supervisor(**account.form, locale="ko")
    account.user_id = str(profile.user_id)
    return account


@pytest.fixture
def asker(client: Client):
    """`ask = await asker(account)`, then `await ask("GET", "/users/me")`: requests of somebody who has logged in."""

    async def make(account: Account) -> Any:
        token = (await client.login(account))["access_token"]

        async def ask(method: str, path: str, body: Any = None, language: str = "ko", **options: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
            return await client.http.request(method, path, json=body, headers=headers, **options)

        ask.token = token  # type: ignore[attr-defined]
        return ask

    return make


@pytest.fixture
async def boss(asker: Any, supervisor: Account) -> Any:
    """Requests of a supervisor."""
    return await asker(supervisor)


@pytest.fixture(scope="session")
def stranger() -> type[Account]:
    """`stranger()` has not signed up."""
    return Account


@pytest.fixture(scope="session")
def problem():
    """`problem(answer, 401, "login_refused")` checks the form of a refusal and gives its body."""

    def check(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
        body: dict[str, Any] = answer.json()
        assert (answer.status_code, body["code"]) == (status, code), body
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["request_id"] == answer.headers["x-request-id"]
        return body

    return check

"""identity on a real database, through the same wiring as `make up`."""

import base64
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
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

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

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

    async def with_token(self, method: str, path: str, token: str) -> httpx.Response:
        return await self.http.request(method, path, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def settings(database: TestDatabase) -> Settings:
    return Settings(
        app_env="test",
        database_url=database.url("identity"),
        nats_url="nats://127.0.0.1:1",
        nats_nkey_seed=database.layout.secrets["NATS_IDENTITY_SEED"],
        jwks_url="http://127.0.0.1:1/jwks.json",
        key_encryption_key=base64.b64encode(secrets.token_bytes(32)).decode(),
    )


@pytest.fixture(scope="module")
def sql(database: TestDatabase) -> Sql:
    return Sql(database.libpq_url("postgres"))


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[Client]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://identity") as http,
    ):
        yield Client(http)


@pytest.fixture
async def account(client: Client) -> Account:
    return await client.sign_up()


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

"""A migrated database per module, emptied for every test; the service wired to it; callers with real tokens."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from chassis.auth import Principal
from chassis.delivery import AlreadyHandled, Delivery
from contracts import catalogue
from contracts.audit import AuditEntry
from contracts.event import Event
from contracts.ingest import UsageRecorded
from contracts.org_partner import (
    ClassOpened,
    EnrollmentEnded,
    MembershipGranted,
    MembershipRevoked,
    OrgChanged,
    PartnerChanged,
    Role,
    StudentEnrolled,
)
from contracts.tenancy import Tenant
from contracts.usage import ModelUsage, Operation, Outcome
from growfit_local.servers import Database as Made
from growfit_local.servers import NatsServer
from growfit_local.stand_ins import Signer
from growfit_local.testing import running_nats
from usage_metrics.config import Settings
from usage_metrics.factory import Wired, wire
from usage_metrics.main import create_app

VERSIONS = itertools.count(2)
NOON = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
TABLES = (
    "supervisor.audit_events",
    "supervisor.audit_origins",
    "partner.usage_events",
    "partner.usage_daily",
    "usage_metrics.memberships",
    "usage_metrics.classes",
    "usage_metrics.tenants",
    "usage_metrics.places",
    "usage_metrics.erased_users",
    "usage_metrics.inbox",
    "usage_metrics.outbox",
    "usage_metrics.dead_letters",
)


def make_usage(**changes: Any) -> UsageRecorded:
    facts = {
        "usage_id": uuid4(),
        "tenant": Tenant(user_id=uuid4()),
        "operation": Operation.CHAT,
        "provider": "growfit",
        "model": "growfit-extractive",
        "input_tokens": 100,
        "output_tokens": 20,
        "outcome": Outcome.COMPLETED,
        "reference": f"message/{uuid4()}",
        "duration_ms": 900,
        "first_token_ms": 120,
        "occurred_at": NOON,
    }
    return UsageRecorded.model_validate(facts | changes)


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A bus of its own: what other services' tests left in the streams would be booked here as well."""
    with running_nats(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session", name="make_usage")
def _make_usage() -> Callable[..., UsageRecorded]:
    return make_usage


def make_entry(publisher: str = "identity", **changes: Any) -> AuditEntry:
    facts = {
        "audit_id": uuid4(),
        "action": "user.suspended",
        "actor_id": uuid4(),
        "session_id": uuid4(),
        "target": f"user/{uuid4()}",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "request_id": "a-request-id",
        "detail": {"reason_code": "abuse", "sessions": 2},
        "occurred_at": NOON,
    }
    entry = catalogue.registered()[f"{publisher}.audit.recorded.v1"].model_validate(facts | changes)
    assert isinstance(entry, AuditEntry)
    return entry


@pytest.fixture(scope="session", name="make_entry")
def _make_entry() -> Callable[..., AuditEntry]:
    return make_entry


@pytest.fixture
async def emptied(database: Made) -> Made:
    async with await psycopg.AsyncConnection.connect(database.libpq_url("growfit_migrator")) as connection:
        # Behind the wall even its owner sees nothing without a context.
        await connection.execute("SET app.platform = 'on'")
        # DELETE: truncating a partitioned table makes every file of every partition anew, which takes half a second.
        for table in TABLES:
            await connection.execute(f"DELETE FROM {table}")
    return database


@pytest.fixture
def settings(emptied: Made) -> Settings:
    return Settings(
        app_env="test",
        database_url=emptied.url("usage_metrics"),
        nats_url="nats://127.0.0.1:9",
        nats_nkey_seed="",
        jwks_url="http://127.0.0.1:9/jwks.json",
    )


@pytest.fixture
async def wired(settings: Settings) -> AsyncIterator[Wired]:
    made = wire(settings)
    yield made
    await made.database.close()


@dataclass(frozen=True)
class Books:
    """Delivers events to the service as the bus would, and reads its tables as the service's role."""

    wired: Wired

    async def book(self, usage: ModelUsage, *, event_id: UUID | None = None) -> UUID:
        event_id = event_id or uuid4()
        delivery = Delivery("usage_metrics-record_usage", event_id)
        await self.wired.ledger.record(usage, event_id=event_id, once=delivery)
        return event_id

    async def note(self, entry: AuditEntry, *, event_id: UUID | None = None, attempt: int = 100) -> None:
        once = Delivery("usage_metrics-record_audit", event_id or uuid4(), attempt)
        await self.wired.audit.record(entry, once=once)

    async def erase(self, user_id: UUID, *, event_id: UUID | None = None) -> None:
        await self.wired.erasure.erase(user_id, once=Delivery("usage_metrics-erase_user", event_id or uuid4()))

    async def deliver(self, deliveries: Iterable[tuple[UUID, ModelUsage]]) -> int:
        """Eight at a time, in this order; what the inbox knows is passed over. Returns how often that was."""
        turns, repeats = asyncio.Semaphore(8), 0

        async def one(event_id: UUID, usage: ModelUsage) -> None:
            nonlocal repeats
            async with turns:
                try:
                    await self.book(usage, event_id=event_id)
                except AlreadyHandled:
                    repeats += 1

        await asyncio.gather(*(one(event_id, usage) for event_id, usage in deliveries))
        return repeats

    async def project(self, *events: Event) -> None:
        for event in events:
            await self.wired.tenancy.project(event, once=Delivery("usage_metrics-project_tenancy", uuid4()))

    async def suspend(self, org_id: UUID, partner_id: UUID | None = None, *, status: str = "suspended") -> None:
        """Or give back, with `active`. Each call is newer than the one before."""
        facts = {"org_id": org_id, "name": "하늘 학원", "status": status, "version": next(VERSIONS), "changed_at": NOON}
        kind = OrgChanged if partner_id is None else PartnerChanged
        await self.project(kind.model_validate({**facts, "partner_id": partner_id}))

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        url = self.wired.database.url.replace("+psycopg", "")
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await connection.execute("SET app.platform = 'on'")
            return await (await connection.execute(sql, values)).fetchall()


@pytest.fixture
def books(wired: Wired) -> Books:
    return Books(wired)


Get = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def http_of(settings: Settings) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """`http_of(verifier=…)`: a client of the HTTP door that believes that verifier."""

    def door(*, verifier: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        app = create_app(settings)
        app.state.verifier = verifier
        return _client(app)

    return door


@pytest.fixture
async def http(http_of: Callable[..., Any]) -> AsyncIterator[Callable[..., Get]]:
    """`http(user_id, tier=…)` is a GET as that caller; `http()` one without a token."""
    signer = Signer()
    async with http_of(verifier=signer.verifier) as client:

        def as_caller(user_id: UUID | None = None, *, tier: str = "user") -> Get:
            headers = {"Authorization": f"Bearer {signer.token(user_id, tier=tier)}"} if user_id else {}

            async def get(path: str, *, locale: str = "en", **query: Any) -> httpx.Response:
                given = {name.rstrip("_"): value for name, value in query.items()}
                return await client.get(path, params=given, headers={**headers, "Accept-Language": locale})

            return get

        yield as_caller


@asynccontextmanager
async def _client(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        yield client


def principal(user_id: UUID | None = None, *, tier: str = "user") -> Principal:
    return Principal(user_id or uuid4(), tier, uuid4(), 0)


@pytest.fixture(scope="session", name="principal")
def _principal() -> Callable[..., Principal]:
    return principal


@dataclass(frozen=True)
class Academy:
    """Two orgs: the first has two partners with a class each, the second one. Everybody has made one call.

    `lines` are these calls, by name; those of admin, owner, assistant, stranger and supervisor are personal.
    """

    orgs: tuple[UUID, UUID]
    partners: tuple[UUID, UUID, UUID]
    classes: tuple[UUID, UUID, UUID]
    people: dict[str, UUID]
    lines: dict[str, ModelUsage]


@pytest.fixture
async def academy(books: Books) -> Academy:
    orgs, partners, classes = (uuid4(), uuid4()), (uuid4(), uuid4(), uuid4()), (uuid4(), uuid4(), uuid4())
    org_of = dict(zip(partners, (orgs[0], orgs[0], orgs[1]), strict=True))
    names = ("admin", "owner", "instructor", "assistant", "former", "student", "left", "stranger", "neighbour")
    people = {name: uuid4() for name in (*names, "supervisor")}

    def granted(name: str, role: Role, org: UUID, partner: UUID | None = None) -> MembershipGranted:
        ids = {"membership_id": uuid4(), "user_id": people[name], "org_id": org, "partner_id": partner}
        return MembershipGranted.model_validate({**ids, "role": role, "version": 1, "granted_at": NOON})

    def enrolled(name: str, place: int) -> StudentEnrolled:
        where = {"class_id": classes[place], "partner_id": partners[place], "org_id": org_of[partners[place]]}
        ids = {"enrollment_id": uuid4(), "student_id": uuid4(), "user_id": people[name]}
        return StudentEnrolled.model_validate({**ids, **where, "version": 1, "enrolled_at": NOON})

    for number, class_id in enumerate(classes):
        partner = partners[number]
        ids = {"class_id": class_id, "course_id": uuid4(), "org_id": org_of[partner], "partner_id": partner}
        await books.project(
            ClassOpened.model_validate({**ids, "name": f"{number + 1}반", "version": 1, "opened_at": NOON})
        )
    left = enrolled("left", 1)
    former = granted("former", Role.INSTRUCTOR, orgs[0], partners[0])
    await books.project(
        granted("admin", Role.ORG_ADMIN, orgs[0]),
        granted("owner", Role.PARTNER_OWNER, orgs[0], partners[0]),
        granted("instructor", Role.INSTRUCTOR, orgs[0], partners[0]),
        granted("assistant", Role.ASSISTANT, orgs[0], partners[0]),
        former,
        MembershipRevoked.model_validate({**former.model_dump(), "version": 2, "revoked_at": NOON}),
        enrolled("student", 0),
        left,
        EnrollmentEnded.model_validate({**left.model_dump(), "version": 2, "ended_at": NOON}),
        enrolled("neighbour", 2),
    )
    places = {"student": 0, "left": 1, "neighbour": 2, "former": 0, "instructor": 0}
    lines: dict[str, ModelUsage] = {}
    for name, user_id in people.items():
        place = places.get(name)
        where = {} if place is None else _where(classes[place], partners[place], org_of[partners[place]])
        lines[name] = make_usage(tenant=Tenant(user_id=user_id, **where), input_tokens=random.randint(1, 10**6))
        await books.book(lines[name])
    return Academy(orgs, partners, classes, people, lines)


def _where(class_id: UUID, partner_id: UUID, org_id: UUID) -> dict[str, UUID]:
    return {"class_id": class_id, "partner_id": partner_id, "org_id": org_id}

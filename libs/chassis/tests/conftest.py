"""A real PostgreSQL with the plumbing of two services: ingest, which publishes, and usage_metrics, which consumes.

Both log in with their own roles and rights. usage_metrics also has the tables of its door and of letters. The servers
come from `growfit_local.testing`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Column, MetaData, Table, Text, Uuid, create_engine, insert, select, text

from chassis import outbox
from chassis.access import Access
from chassis.auth import Principal
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import API_KEY_INVALID, Unauthenticated
from chassis.plumbing import NAMING_CONVENTION, Plumbing, plumbing_tables
from chassis.tables import access_tables, mails_table
from contracts.envelope import CloudEvent, decode
from contracts.event import Event
from contracts.ingest import UsageRecorded
from contracts.platform import SETTINGS
from contracts.tenancy import Tenant
from contracts.usage import Operation
from growfit_local.servers import Database as Made
from growfit_local.servers import PostgresServer
from growfit_local.stand_ins import Signer

PUBLISHER, SERVICE = "ingest", "usage_metrics"
METADATA = MetaData(naming_convention=NAMING_CONVENTION)
PLUMBING = {schema: plumbing_tables(METADATA, schema=schema) for schema in (PUBLISHER, SERVICE)}
# What a handler does to the world: no key, so that a doubled effect is seen.
EFFECTS = Table("effects", METADATA, Column("consumer", Text), Column("event_id", Uuid), schema=SERVICE)
ACCESS = access_tables(METADATA, schema=SERVICE)
MAILS = mails_table(METADATA, schema=SERVICE)
RIGHTS = {
    "outbox": "SELECT, INSERT, UPDATE, DELETE",
    "inbox": "SELECT, INSERT, DELETE",
    "dead_letters": "SELECT, INSERT, UPDATE",
    "effects": "SELECT, INSERT",
    "revocations": "SELECT, INSERT, UPDATE, DELETE",
    "platform_settings": "SELECT, INSERT, UPDATE",
    "request_counts": "SELECT, INSERT, UPDATE, DELETE",
    "mails": "SELECT, INSERT, UPDATE, DELETE",
}


async def eventually[T](
    look: Callable[[], Awaitable[T]], *, within: float = 10.0, until: Callable[[T], Any] = bool
) -> T:
    """Look again until the answer is the awaited one; the last answer is returned for the assertion's message."""
    deadline = time.monotonic() + within
    while not until(seen := await look()) and time.monotonic() < deadline:  # noqa: ASYNC110  the state is a server's
        await asyncio.sleep(0.03)
    return seen


@pytest.fixture(scope="session", name="eventually")
def _eventually() -> Any:
    return eventually


def usage(**changes: Any) -> UsageRecorded:
    facts = {
        "usage_id": uuid4(),
        "tenant": Tenant(user_id=uuid4()),
        "operation": Operation.EMBEDDING,
        "provider": "growfit",
        "model": "multilingual-e5-small",
        "input_tokens": 10,
        "output_tokens": 0,
        "reference": "document/1",
        "occurred_at": datetime.now(UTC),
    }
    return UsageRecorded.model_validate(facts | changes)


@pytest.fixture(scope="session", name="usage")
def _usage() -> Callable[..., UsageRecorded]:
    return usage


class Unguarded:
    """Nobody is locked out, nothing was set, nothing is counted, no key is known."""

    async def check(self, caller: Principal) -> None: ...

    async def value(self, name: str) -> Any:
        return SETTINGS[name].default

    def count(self, user_id: UUID, *, limit: int) -> None: ...

    async def trade(self, api_key: str) -> str:
        raise Unauthenticated(API_KEY_INVALID)

    def forget(self, api_key: str) -> None: ...


@pytest.fixture(scope="session")
def access_with() -> Callable[..., Access]:
    """`access_with(verifier=…, platform=…)`: what stands before a door's routes, as much of it as a test is about."""

    def make(**parts: Any) -> Access:
        lets_all_in = Unguarded()
        rest = dict.fromkeys(("platform", "limits", "key_trade"), lets_all_in)
        return Access(**{"verifier": Signer().verifier, **rest, **parts})

    return make


@pytest.fixture(scope="session")
def made(postgres_server: PostgresServer) -> Iterator[Made]:
    with postgres_server.database(migrated=False) as made:
        engine = create_engine(made.url("growfit_migrator"))
        with engine.begin() as connection:
            METADATA.create_all(connection)
            for table in METADATA.sorted_tables:
                connection.execute(text(f"GRANT {RIGHTS[table.name]} ON {table.fullname} TO {table.schema}"))
        engine.dispose()
        yield made


@dataclass(frozen=True)
class Store:
    """One service's database, with what the tests ask it."""

    database: Database
    access = ACCESS
    mails = MAILS

    @property
    def plumbing(self) -> Plumbing:
        return self.database.plumbing

    async def add(self, *events: Event) -> list[UUID]:
        async with self.database.transaction() as session:
            return [await outbox.add(session, event) for event in events]

    async def rows(self, query: Any) -> list[Any]:
        async with self.database.transaction() as session:
            return list((await session.execute(query)).all())

    async def outbox(self) -> list[Any]:
        return await self.rows(select(self.plumbing.outbox).order_by(self.plumbing.outbox.c.id))

    async def events(self) -> list[Event]:
        return [decode(json.dumps(row.payload).encode()).data for row in await self.outbox()]

    async def audited(self) -> list[dict[str, Any]]:
        """What the audit log was told, the oldest first."""
        return [
            row.payload["data"]
            for row in await self.outbox()
            if row.subject == f"{self.plumbing.schema}.audit.recorded.v1"
        ]

    async def unpublished(self) -> int:
        return len([row for row in await self.outbox() if row.published_at is None])

    async def letters(self) -> list[Any]:
        table = self.plumbing.dead_letters
        return await self.rows(select(table).order_by(table.c.buried_at, table.c.stream_seq))

    async def effects(self) -> list[UUID]:
        return [row.event_id for row in await self.rows(select(EFFECTS))]

    async def effect(self, event: CloudEvent[Any], delivery: Delivery, *, marked: bool = True) -> None:
        """What a handler's service does: effect and inbox mark in one transaction."""
        async with self.database.transaction(once=delivery if marked else None) as session:
            await session.execute(insert(EFFECTS).values(consumer=delivery.consumer, event_id=event.id))


@pytest.fixture
async def emptied(made: Made) -> Made:
    async with await psycopg.AsyncConnection.connect(made.libpq_url("growfit_migrator")) as connection:
        await connection.execute("TRUNCATE " + ", ".join(table.fullname for table in METADATA.sorted_tables))
    return made


@pytest.fixture
async def store(emptied: Made) -> AsyncIterator[Store]:
    """The consuming service's."""
    database = Database(emptied.url(SERVICE), PLUMBING[SERVICE], pool_size=6)
    yield Store(database)
    await database.close()


@pytest.fixture
async def publisher(emptied: Made) -> AsyncIterator[Store]:
    """The publishing service's."""
    database = Database(emptied.url(PUBLISHER), PLUMBING[PUBLISHER], pool_size=6)
    yield Store(database)
    await database.close()

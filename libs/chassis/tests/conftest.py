"""Real servers, the plumbing of two services in a database of its own, and streams that every test finds empty.

ingest publishes and usage_metrics consumes, with their real roles, keys and permissions. The servers come from
`growfit_local.testing`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import nats
import psycopg
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from prometheus_client import CollectorRegistry
from sqlalchemy import Column, MetaData, Table, Text, Uuid, create_engine, insert, select, text

from chassis import bus, outbox, provision
from chassis import worker as worker_module
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.fate import GiveUp, Handler
from chassis.plumbing import NAMING_CONVENTION, Plumbing, plumbing_tables
from chassis.settings import ServiceSettings
from chassis.worker import Worker
from contracts.envelope import CloudEvent, encode, wrap
from contracts.event import Event
from contracts.ingest import UsageRecorded
from contracts.streams import STREAMS, consumers_of
from contracts.tenancy import Tenant
from contracts.usage import Operation
from growfit_local.servers import Database as Made
from growfit_local.servers import NatsServer, PostgresServer

PUBLISHER, SERVICE = "ingest", "usage_metrics"
METADATA = MetaData(naming_convention=NAMING_CONVENTION)
PLUMBING = {schema: plumbing_tables(METADATA, schema=schema) for schema in (PUBLISHER, SERVICE)}
# What a handler does to the world: no key, so that a doubled effect is seen.
EFFECTS = Table("effects", METADATA, Column("consumer", Text), Column("event_id", Uuid), schema=SERVICE)
RIGHTS = {
    "outbox": "SELECT, INSERT, UPDATE, DELETE",
    "inbox": "SELECT, INSERT, DELETE",
    "dead_letters": "SELECT, INSERT, UPDATE",
    "effects": "SELECT, INSERT",
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


@dataclass(frozen=True)
class Bus:
    """The NATS server as its administrator sees it, plus publishing as any service."""

    server: NatsServer
    admin: JetStreamContext
    clients: dict[str, Client]

    @property
    def url(self) -> str:
        return self.server.url

    async def client(self, user: str) -> Client:
        if user not in self.clients:
            self.clients[user] = await connect(self.server, user)
        return self.clients[user]

    async def send(self, event: Event, *, event_id: UUID | None = None, **headers: str) -> CloudEvent[Event]:
        """Publish as the event's own service, without any dedupe, as a redelivery from nowhere would come."""
        envelope = wrap(event, event_id=event_id or uuid4(), time=datetime.now(UTC))
        await self.send_raw(event.type, encode(envelope), **headers)
        return envelope

    async def send_raw(self, subject: str, body: bytes, **headers: str) -> None:
        publisher = subject.split(".", 1)[0]
        jetstream = (await self.client(publisher)).jetstream()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await jetstream.publish(subject, body, stream=publisher.upper(), headers=named or None)

    async def count(self, stream: str) -> int:
        return (await self.admin.stream_info(stream)).state.messages

    async def messages(self, stream: str) -> list[Any]:
        state = (await self.admin.stream_info(stream)).state
        numbers = range(state.first_seq, state.last_seq + 1)
        return [await self.admin.get_msg(stream, number) for number in numbers]

    async def waiting(self, stream: str, durable: str) -> tuple[int, int]:
        """Not delivered yet, and delivered but not acknowledged."""
        info = await self.admin.consumer_info(stream, durable)
        return info.num_pending or 0, info.num_ack_pending or 0

    async def forget_streams(self) -> None:
        for stream in STREAMS:
            with suppress(NotFoundError):
                await self.admin.delete_stream(stream.name)


async def connect(server: NatsServer, user: str, **options: Any) -> Client:
    return await nats.connect(
        server.url, nkeys_seed_str=server.seed(user), inbox_prefix=bus.inbox_prefix(user).encode(), **options
    )


@pytest.fixture(scope="session", name="connect")
def _connect() -> Any:
    return connect


@pytest.fixture(scope="session")
async def whole_bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    admin = await connect(nats_server, "provision", max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    found = Bus(nats_server, admin.jetstream(timeout=5), {"provision": admin})
    yield found
    for client in found.clients.values():
        await client.close()


@pytest.fixture
async def nats_bus(whole_bus: Bus) -> Bus:
    """All streams and durables as the contracts say, without a message."""
    await whole_bus.forget_streams()
    await provision.apply(whole_bus.admin)
    return whole_bus


@pytest.fixture
def tune(nats_bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Change this service's durables, on the server and for the workers of the test alike."""

    async def change(**settings: Any) -> None:
        tuned = [replace(consumer, **settings) if consumer.events else consumer for consumer in consumers_of(SERVICE)]
        monkeypatch.setattr(worker_module, "consumers_of", lambda _: tuple(tuned))
        for consumer in tuned:
            await nats_bus.admin.add_consumer(consumer.stream, provision.consumer_config(consumer))

    return change


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same course of things with shorter pauses."""
    monkeypatch.setattr("chassis.fate._pause", lambda attempt: 0.05 * attempt)
    monkeypatch.setattr(worker_module, "BURY_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(worker_module, "REDRIVE_SECONDS", 0.1)
    monkeypatch.setattr(worker_module, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(bus, "FETCH_SECONDS", 0.5)


@pytest.fixture
def settings(store: Store, nats_server: NatsServer) -> ServiceSettings:
    return ServiceSettings(
        app_env="test",
        database_url=store.database.url,
        nats_url=nats_server.url,
        nats_nkey_seed=nats_server.seed(SERVICE),
        jwks_url="http://127.0.0.1:9/jwks.json",
    )


def named(name: str, handler: Handler) -> Handler:
    """A subscriber is bound by its function's name."""

    async def called(event: CloudEvent[Any], delivery: Delivery) -> None:
        await handler(event, delivery)

    called.__name__ = name
    return called


@pytest.fixture
async def start_worker(store: Store, settings: ServiceSettings) -> AsyncIterator[Any]:
    """`await start_worker(record_usage=handler)` opens the message door; it closes with the test."""
    workers: list[Worker] = []

    def make(
        *, nats_url: str = "", give_up: GiveUp | None = None, background: Any = None, **handlers: Handler
    ) -> Worker:
        its_own = settings.model_copy(update={"nats_url": nats_url or settings.nats_url})
        made = Worker(service=SERVICE, settings=its_own, database=store.database, registry=CollectorRegistry())
        for name, handler in handlers.items():
            made.subscriber(named(name, handler), give_up=give_up)
        if background is not None:
            made.background(background)
        workers.append(made)
        return made

    async def start(*, ready: bool = True, **options: Any) -> Worker:
        started = make(**options)
        await started.start()
        if ready:
            assert await eventually(started.problems, until=lambda problems: not problems) == []
        return started

    yield start
    for each in workers:
        await each.stop()


class Gate:
    """A TCP door before a server, which a test shuts and opens."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._server: asyncio.Server | None = None
        self._inside: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._let_through, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._inside):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _let_through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        self._inside |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._inside -= {writer, back}

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def gate(nats_server: NatsServer) -> AsyncIterator[Gate]:
    """Shut at first. The bus behind it stays up."""
    found = Gate(int(nats_server.url.rsplit(":", 1)[1]))
    await found.open()
    await found.shut()
    yield found
    await found.shut()

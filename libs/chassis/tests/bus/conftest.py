"""The bus as tests use it: streams that are empty at first, a door that can be shut, workers that end with the test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from prometheus_client import CollectorRegistry

from chassis import burial, bus, provision
from chassis import worker as worker_module
from chassis.delivery import Delivery
from chassis.fate import GiveUp, Handler
from chassis.relay import Publish, Relay
from chassis.settings import ServiceSettings
from chassis.worker import Worker
from contracts.envelope import CloudEvent, encode, wrap
from contracts.event import Event
from contracts.streams import CONSUMERS, STREAMS, Stream, consumers_of
from growfit_local.servers import NatsServer

PUBLISHER, SERVICE = "ingest", "usage_metrics"


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

    async def send(self, event: Event, *, event_id: UUID | None = None) -> CloudEvent[Event]:
        """Publish as the event's own service, without any dedupe, as a redelivery from nowhere would come."""
        envelope = wrap(event, event_id=event_id or uuid4(), time=datetime.now(UTC))
        await self.send_raw(event.type, encode(envelope))
        return envelope

    async def send_raw(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        publisher = subject.split(".", 1)[0]
        jetstream = (await self.client(publisher)).jetstream()
        await jetstream.publish(subject, body, stream=publisher.upper(), headers=headers)

    async def count(self, stream: str) -> int:
        return (await self.admin.stream_info(stream)).state.messages

    async def messages(self, stream: str) -> list[Any]:
        state = (await self.admin.stream_info(stream)).state
        numbers = range(state.first_seq, state.last_seq + 1)
        return [await self.admin.get_msg(stream, number) for number in numbers]

    async def waiting(self, stream: str, durable: str) -> tuple[int, int]:
        """Not delivered yet, and delivered but not acknowledged."""
        last = (await self.admin.stream_info(stream)).state.last_seq
        info = await self.admin.consumer_info(stream, durable)
        # Right after a publish the consumer may not count the message yet; the stream does.
        uncounted = int(not info.num_pending and not info.num_ack_pending and info.delivered.stream_seq < last)
        return (info.num_pending or 0) + uncounted, info.num_ack_pending or 0

    async def make_anew(self, stream: Stream) -> None:
        with suppress(NotFoundError):
            await self.admin.delete_stream(stream.name)
        await self.admin.add_stream(provision.stream_config(stream, replicas=1))
        for consumer in CONSUMERS:
            if consumer.stream == stream.name:
                await self.admin.add_consumer(stream.name, provision.consumer_config(consumer))

    async def forget_streams(self) -> None:
        for stream in STREAMS:
            with suppress(NotFoundError):
                await self.admin.delete_stream(stream.name)


async def connect(server: NatsServer, user: str, **options: Any) -> Client:
    lasting = {"max_reconnect_attempts": -1, "reconnect_time_wait": 0.1}
    prefix = bus.inbox_prefix(user).encode()
    return await nats.connect(server.url, nkeys_seed_str=server.seed(user), inbox_prefix=prefix, **(lasting | options))


@pytest.fixture(scope="session", name="connect")
def _connect() -> Any:
    return connect


@pytest.fixture(scope="session")
async def whole_bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    admin = await connect(nats_server, "operator")
    found = Bus(nats_server, admin.jetstream(timeout=5), {"operator": admin})
    yield found
    for client in found.clients.values():
        await client.close()


@pytest.fixture
async def nats_bus(whole_bus: Bus) -> Bus:
    """All streams and durables as the contracts say, without a message. What the last test used is made anew."""
    unused = {info.config.name for info in await whole_bus.admin.streams_info() if info.state.last_seq == 0}
    for stream in STREAMS:
        if stream.name not in unused:
            await whole_bus.make_anew(stream)
    return whole_bus


@pytest.fixture
async def tune(nats_bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Change this service's durables, on the server and for the workers of the test alike."""

    async def change(**settings: Any) -> None:
        tuned = [replace(consumer, **settings) if consumer.events else consumer for consumer in consumers_of(SERVICE)]
        monkeypatch.setattr(worker_module, "consumers_of", lambda _: tuple(tuned))
        for consumer in tuned:
            await nats_bus.admin.add_consumer(consumer.stream, provision.consumer_config(consumer))

    yield change
    for consumer in consumers_of(SERVICE):
        await nats_bus.admin.add_consumer(consumer.stream, provision.consumer_config(consumer))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same course of things with shorter pauses."""
    monkeypatch.setattr("chassis.fate._pause", lambda attempt: 0.05 * attempt)
    monkeypatch.setattr(burial, "BURY_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(worker_module, "REDRIVE_SECONDS", 0.1)
    monkeypatch.setattr(worker_module, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(bus, "FETCH_SECONDS", 0.5)


@pytest.fixture
def settings(store: Any, nats_server: NatsServer) -> ServiceSettings:
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
async def start_worker(store: Any, settings: ServiceSettings, eventually: Any) -> AsyncIterator[Any]:
    """`await start_worker(record_usage=handler)` opens the message door; it closes with the test."""
    workers: list[Worker] = []

    def make(
        *,
        nats_url: str = "",
        give_up: GiveUp | None = None,
        background: Any = None,
        open_: Any = (),
        close: Any = (),
        follows: Any = None,
        **handlers: Handler,
    ) -> Worker:
        its_own = settings.model_copy(update={"nats_url": nats_url or settings.nats_url})
        made = Worker(
            service=SERVICE,
            settings=its_own,
            database=store.database,
            registry=CollectorRegistry(),
            open_=open_,
            close=close,
            follows=follows,
        )
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


@asynccontextmanager
async def broker_of(server: NatsServer, *, url: str = "") -> AsyncIterator[Publish]:
    """Publishing as the publishing service does it."""

    async def stay() -> None:
        """In a service, the end of the connection would be the end of the process."""

    seed, registry = server.seed(PUBLISHER), CollectorRegistry()
    broker = bus.create_broker(url or server.url, seed, service=PUBLISHER, registry=registry, on_closed=stay)
    await broker.connect()
    try:
        yield partial(bus.publish, broker)
    finally:
        await broker.stop()


@pytest.fixture(scope="session", name="broker_of")
def _broker_of() -> Any:
    return broker_of


@pytest.fixture
async def publish(nats_bus: Bus) -> AsyncIterator[Publish]:
    async with broker_of(nats_bus.server) as publish:
        yield publish


@pytest.fixture
def relaying(publisher: Any) -> Any:
    """`async with relaying(publish) as task` runs the publishing service's relay."""

    @asynccontextmanager
    async def run(publish: Publish) -> AsyncIterator[asyncio.Task[None]]:
        relay = Relay(publisher.database.url, schema=PUBLISHER, publish=publish)
        running = asyncio.create_task(relay.run())
        try:
            yield running
        finally:
            running.cancel()
            await asyncio.wait({running})

    return run


@pytest.fixture
async def relayed(relaying: Any, publish: Publish) -> AsyncIterator[None]:
    """What is written to the outbox reaches the bus."""
    async with relaying(publish):
        yield


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

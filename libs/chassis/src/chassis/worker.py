"""The message door of a service: its subscribers, its outbox relay, its dead letters, its own health.

`start` returns at once and the bus is connected in the background, so that a service accepts requests (and
keeps their events in the outbox) while NATS is down.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from faststream.nats.annotations import NatsMessage
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from prometheus_client import CollectorRegistry, Gauge

from chassis import burial, bus, dead_letters, inbox, outbox
from chassis.database import Database
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import GrowFitError, Unavailable
from chassis.fate import Attempt, GiveUp, Handler, Subscription, Verdict, handle, read, refusal
from chassis.platform import follower
from chassis.relay import Relay
from chassis.settings import ServiceSettings
from chassis.tables import PlatformTables
from contracts.streams import Consumer, consumers_of

Step = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)

# EX_SOFTWARE: the process manager starts the process again.
EXIT_BUS_CLOSED = 70
WATCH_SECONDS = 5.0
STALL_SECONDS = 60.0
# The longest honest work, a document of 10,000 pages, takes about 20 minutes. In-progress acks keep a message for as
# long as its handler runs, so JetStream never takes it from one that hangs: only this bound brings it to light.
HANDLER_LIMIT_SECONDS = 1800.0
OUTBOX_LIMIT_SECONDS = 60.0
REDRIVE_SECONDS = 2.0
TIDY_SECONDS = 3600.0
# Soon after the start, so that a process that never lives an hour tidies too, and not in the middle of it.
FIRST_TIDY_SECONDS = 60.0
STOP_SECONDS = 5.0

_NOT_CHECKED = "not checked yet"


@dataclass
class _Durable:
    """What the watch saw of one durable, when its handler last finished, and when each that runs began."""

    consumer: Consumer
    problem: str | None = _NOT_CHECKED
    last_handled: float = field(default_factory=time.monotonic)
    running: list[float] = field(default_factory=list)


class Worker:
    def __init__(
        self,
        *,
        service: str,
        settings: ServiceSettings,
        database: Database,
        registry: CollectorRegistry,
        follows: PlatformTables | None = None,
        open_: Sequence[Step] = (),
        close: Sequence[Step] = (),
    ) -> None:
        """`open_` must not wait for anything; `close` runs after the last handler, and then the database is closed.

        `follows`: where the service keeps what identity decides for everybody.
        """
        self.service = service
        self._open, self._close = open_, close
        self.database = database
        self.broker = bus.create_broker(
            settings.nats_url,
            settings.nats_nkey_seed,
            service=service,
            registry=registry,
            on_closed=self._leave,
        )
        self._subscriptions: dict[tuple[str, str], Subscription] = {}
        self._durables: dict[tuple[str, str], _Durable] = {}
        self._relay = Relay(
            database.url, schema=database.plumbing.schema, publish=lambda row: bus.publish(self.broker, row)
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._connected = asyncio.Event()
        self._stopping = False
        self._open_letters = Gauge(
            "growfit_dead_letters_open", "Messages given up and not yet resolved", registry=registry
        )
        self._background: list[Step] = []
        if follows is not None:
            self.subscriber(follower(database, follows))

    def subscriber(self, handler: Handler, *, give_up: GiveUp | None = None) -> Handler:
        """Bind `handler` to every durable of this service that is named after it in `contracts.streams`."""
        own = [consumer for consumer in consumers_of(self.service) if consumer.handler == handler.__name__]
        if not own:
            raise LookupError(f"contracts.streams names no consumer {self.service}-{handler.__name__}")
        for consumer in own:
            self._attach(Subscription(consumer, handler, give_up))
        return handler

    def background(self, loop: Step) -> None:
        """A coroutine function that runs beside the subscribers until the door closes."""
        self._background.append(loop)

    def _attach(self, subscription: Subscription) -> None:
        consumer = subscription.consumer
        self._subscriptions[consumer.stream, consumer.durable] = subscription
        self._bind(consumer, partial(self._take, subscription))

    def _bind(self, consumer: Consumer, take: bus.Handle) -> None:
        """Let `take` have the durable's messages, under the watch's eyes."""
        durable = self._durables[consumer.stream, consumer.durable] = _Durable(consumer)

        async def watched(message: NatsMessage) -> None:
            began = time.monotonic()
            durable.running.append(began)
            try:
                await take(message)
            finally:
                durable.running.remove(began)
                durable.last_handled = time.monotonic()

        bus.attach(self.broker, consumer, watched)

    async def _take(self, subscription: Subscription, message: NatsMessage) -> None:
        attempt = Attempt.of(message, subscription.consumer)
        verdict = await handle(subscription, message, attempt)
        if verdict is not None:
            subject = message.raw_message.subject
            with burial.never_lost(f"{subject} at {subscription.consumer.durable}"):
                letter = burial.Letter(subject, bytes(message.body), attempt)
                await burial.bury(self.database, subscription, letter, verdict)

    async def _take_exhausted(self, message: NatsMessage) -> None:
        with burial.never_lost("a message whose deliveries are used up"):
            advisory = json.loads(bytes(message.body))
            # LookupError: a version that knows the durable will take the notice up.
            subscription = self._subscriptions[(advisory["stream"], advisory["consumer"])]
            jetstream = (await self.broker.connect()).jetstream()
            await burial.bury_exhausted(self.database, jetstream, subscription, advisory)

    async def start(self) -> None:
        for step in self._open:
            await step()
        for consumer in consumers_of(self.service):
            if consumer.handler == "bury_exhausted":
                self._bind(consumer, self._take_exhausted)
        loops = (
            self._connect,
            self._relay_when_connected,
            self._watch,
            self._redrive,
            self._tidy,
            *self._background,
        )
        self._tasks = [asyncio.create_task(_forever(loop), name=f"{self.service}:{loop!r}") for loop in loops]

    async def stop(self) -> None:
        """Let running handlers finish, then close. What is cut off is delivered again."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        try:
            await self.broker.stop()
        except NatsError as error:
            # It drains, and a connection that is down cannot drain.
            log.warning("the bus went away before its goodbye: %r", error)
            await self._hang_up()
        for step in self._close:
            await step()
        await self.database.close()

    async def _hang_up(self) -> None:
        try:
            await self.broker.connection.close()
        except Exception as error:  # noqa: BLE001  what is left to do does not need the bus
            # It writes what is pending even into a socket that is gone; its loops it has ended before.
            log.warning("the bus's connection was not closed in good order: %r", error)

    async def _leave(self) -> None:
        if not self._stopping:
            log.critical("the bus connection closed for good; leaving so that the process is started again")
            os._exit(EXIT_BUS_CLOSED)

    async def _connect(self) -> None:
        # Binding to a durable that is not provisioned yet would fail half-way; wait for all of them first.
        while not await self._all_provisioned():  # noqa: ASYNC110  the state is the server's
            await asyncio.sleep(1)
        await self.broker.start()
        self._connected.set()
        await asyncio.Event().wait()

    async def _relay_when_connected(self) -> None:
        await self._connected.wait()
        await self._relay.run()

    async def _all_provisioned(self) -> bool:
        jetstream = (await self.broker.connect()).jetstream(timeout=3)
        for durable in self._durables.values():
            try:
                await jetstream.consumer_info(durable.consumer.stream, durable.consumer.durable)
            except Exception as error:  # noqa: BLE001  any answer but the info is the problem to report
                durable.problem = f"{durable.consumer.durable}@{durable.consumer.stream}: {error!r}"
                return False
        return True

    async def _watch(self) -> None:
        """Ask the server for each durable: a deleted one is otherwise a silent stall."""
        await self._connected.wait()
        jetstream = (await self.broker.connect()).jetstream(timeout=3)
        while True:
            for durable in self._durables.values():
                durable.problem = await _problem_of(durable, jetstream)
            await asyncio.sleep(WATCH_SECONDS)

    async def problems(self) -> list[str]:
        """What keeps this door from being ready: connection, durables, the outbox's age."""
        found = [durable.problem for durable in self._durables.values() if durable.problem]
        if not (self._connected.is_set() and await self.broker.ping(timeout=1)):
            return ["the bus is not connected", *(problem for problem in found if problem != _NOT_CHECKED)]
        async with self.database.transaction() as session:
            age = await outbox.oldest_unpublished_seconds(session)
        if age > OUTBOX_LIMIT_SECONDS:
            found.append(f"the oldest unpublished event is {age:.0f} s old")
        return found

    async def _redrive(self) -> None:
        while True:
            await asyncio.sleep(REDRIVE_SECONDS)
            with suppress(Unavailable):
                while letter := await self._next_requested():
                    verdict = await self._drive_again(letter)
                    async with self.database.transaction() as session:
                        await dead_letters.settle(session, letter.id, verdict=verdict)

    async def _next_requested(self) -> dead_letters.DeadLetter | None:
        async with self.database.transaction() as session:
            self._open_letters.set(await dead_letters.count_open(session))
            return await dead_letters.take_requested(session)

    async def _drive_again(self, letter: dead_letters.DeadLetter) -> Verdict | None:
        subscription = self._subscriptions.get((letter.stream, letter.consumer))
        if subscription is None:
            return Verdict("no_consumer", f"no durable {letter.consumer} in this version")
        # As strictly as the first time: an operator takes all open letters, also what somebody forged.
        event = read(subscription.consumer, letter.body)
        if isinstance(event, Verdict):
            return event
        try:
            await subscription.handler(event, Delivery(letter.consumer, event.id, redriven=True))
        except AlreadyHandled:
            return None
        except GrowFitError as error:
            return refusal(error)
        except Exception as error:  # noqa: BLE001  whatever it is, the letter stays with it
            return Verdict("defect", repr(error)[:2000])
        return None

    async def _tidy(self) -> None:
        await asyncio.sleep(FIRST_TIDY_SECONDS)
        while True:
            try:
                await self._forget_old()
            except Unavailable:
                log.warning("old outbox and inbox rows were not all deleted; next try in an hour", exc_info=True)
            await asyncio.sleep(TIDY_SECONDS)

    async def _forget_old(self) -> None:
        # One transaction each time: what is deleted stays deleted, whatever becomes of the rest.
        for forget in (outbox.forget_old, inbox.forget_old):
            more = True
            while more:
                async with self.database.transaction() as session:
                    more = await forget(session)


async def _problem_of(durable: _Durable, jetstream: JetStreamContext) -> str | None:
    consumer = durable.consumer
    try:
        info = await jetstream.consumer_info(consumer.stream, consumer.durable)
    except Exception as error:  # noqa: BLE001  any answer but the info is the problem to report
        return f"{consumer.durable}@{consumer.stream}: {error!r}"
    now = time.monotonic()
    longest = now - min(durable.running, default=now)
    if longest > HANDLER_LIMIT_SECONDS:
        return f"{consumer.durable}: a handler has been running for {longest:.0f} s"
    idle = now - durable.last_handled
    if (info.num_pending or 0) > 0 and not durable.running and idle > STALL_SECONDS:
        return f"{consumer.durable}: {info.num_pending} waiting, none taken for {idle:.0f} s"
    return None


async def _forever(loop: Step) -> None:
    """A loop that ends by an unexpected error starts again; it never ends silently."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("%s failed and starts again", loop)
        await asyncio.sleep(1)

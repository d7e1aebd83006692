"""What becomes of a message: acknowledged, tried again later, or buried among the dead letters.

A handler says nothing about this; the kind of its error decides (see `chassis.errors`).
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from faststream.exceptions import NackMessage
from faststream.nats.annotations import NatsMessage
from pydantic import ValidationError

from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import GrowFitError, Invalid
from contracts.envelope import CloudEvent, UnknownEventType, decode
from contracts.streams import Consumer

log = logging.getLogger(__name__)

Handler = Callable[[CloudEvent[Any], Delivery], Awaitable[None]]
GiveUp = Callable[[CloudEvent[Any], str], Awaitable[None]]

# An unexpected exception is a defect, and a defect does not mend itself in many tries.
MAX_TRIES_OF_DEFECT = 5
MAX_DELAY_SECONDS = 60.0


@dataclass(frozen=True)
class Subscription:
    """One durable, its handler, and what tells the owner's table that a message was given up."""

    consumer: Consumer
    handler: Handler
    give_up: GiveUp | None = None


@dataclass(frozen=True)
class Verdict:
    """Why a message is buried. `refused`: for what it says, so that somebody may have forged it."""

    reason: str
    error: str
    refused: bool = False


@dataclass(frozen=True)
class Attempt:
    """Where a delivered message stands in its stream, and which try this is."""

    stream: str
    stream_seq: int
    number: int
    last: bool

    @classmethod
    def of(cls, message: NatsMessage, consumer: Consumer) -> "Attempt":
        metadata = message.raw_message.metadata
        number = int(metadata.num_delivered or 1)
        return cls(consumer.stream, int(metadata.sequence.stream), number, number >= consumer.max_deliver)


async def handle(subscription: Subscription, message: NatsMessage, attempt: Attempt) -> Verdict | None:
    """Run the handler. None: its effect stands, acknowledge. A verdict: bury the message, then acknowledge.

    Raises:
        NackMessage: try again after its delay.
    """
    event = read(subscription.consumer, bytes(message.body))
    if isinstance(event, Verdict):
        return event
    delivery = Delivery(subscription.consumer.durable, event.id, attempt.number, attempt.last)
    try:
        async with _kept_alive(message, subscription.consumer.ack_wait):
            await subscription.handler(event, delivery)
    except AlreadyHandled:
        return None
    except GrowFitError as error:
        if error.retryable and not attempt.last:
            raise NackMessage(delay=_pause(attempt.number)) from error
        return refusal(error)
    except Exception as error:
        log.exception("%s failed on %s", subscription.consumer.durable, event.type)
        if attempt.last or attempt.number >= MAX_TRIES_OF_DEFECT:
            return Verdict("defect", repr(error)[:2000])
        raise NackMessage(delay=_pause(attempt.number)) from error
    return None


def read(consumer: Consumer, body: bytes) -> CloudEvent[Any] | Verdict:
    """The event that a durable brought. A verdict: it is none, or none of this durable's."""
    try:
        event = decode(body)
    except (ValidationError, UnknownEventType, ValueError) as error:
        return Verdict("malformed", repr(error)[:2000], refused=True)
    # NATS guards who publishes on a subject; what the body calls itself must not lead around that.
    if type(event.data) not in consumer.events:
        return Verdict("malformed", f"{event.type} does not belong to {consumer.durable}", refused=True)
    return event


def refusal(error: GrowFitError) -> Verdict:
    return Verdict(error.code, str(error), refused=isinstance(error, Invalid))


def _pause(attempt: int) -> float:
    """Seconds until the next try: 1, 2, 4 … 60, spread so that many failures do not come back as one wave."""
    return min(2.0 ** (attempt - 1), MAX_DELAY_SECONDS) * random.uniform(0.8, 1.2)  # noqa: S311  no secret


@asynccontextmanager
async def _kept_alive(message: NatsMessage, ack_wait: int) -> AsyncIterator[None]:
    """Tell JetStream every third of `ack_wait` that the work goes on, so that nobody else is given it."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(ack_wait / 3)
            # A lost connection must not end the work: the redelivery meets the inbox.
            with suppress(Exception):
                await message.in_progress()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

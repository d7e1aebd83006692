"""The connection to NATS JetStream, with the settings that were measured not to lose messages.

Streams and durables exist before a service starts (`chassis.provision`); a service only binds to them.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from faststream import AckPolicy, StreamMessage
from faststream.nats import JStream, NatsBroker, PubAck, PullSub
from faststream.nats.annotations import NatsMessage
from faststream.nats.opentelemetry import NatsTelemetryMiddleware
from faststream.nats.prometheus import NatsPrometheusMiddleware
from faststream.nats.security import NatsNKey
from opentelemetry import context, propagate
from prometheus_client import CollectorRegistry

from chassis.relay import Outgoing
from contracts.streams import Consumer

log = logging.getLogger(__name__)

PUBLISH_TIMEOUT_SECONDS = 5.0
FETCH_SECONDS = 5.0
GRACEFUL_SECONDS = 10.0

Handle = Callable[[NatsMessage], Awaitable[None]]


def inbox_prefix(service: str) -> str:
    """Each service's replies have a prefix of their own, so that no other service may read them."""
    return f"_INBOX_{service}"


def create_broker(
    url: str, nkey_seed: str, *, service: str, registry: CollectorRegistry, on_closed: Callable[[], Awaitable[None]]
) -> NatsBroker:
    return NatsBroker(
        url,
        name=service,
        security=NatsNKey.from_seed(nkey_seed),
        ack_policy=AckPolicy.NACK_ON_ERROR,
        inbox_prefix=inbox_prefix(service),
        connect_timeout=5,
        # For ever: when the tries run out, the pull loop spins and the process answers nothing any more.
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        closed_cb=on_closed,
        error_cb=_note_error,
        graceful_timeout=GRACEFUL_SECONDS,
        middlewares=(
            NatsTelemetryMiddleware(include_messages_counters=False),
            NatsPrometheusMiddleware(registry=registry, app_name=service),
        ),
        logger=None,
    )


async def _note_error(error: Exception) -> None:
    # A refused subject shows up as a timeout at the caller; only here is the reason.
    log.warning("bus: %r", error)


async def publish(broker: NatsBroker, outgoing: Outgoing) -> None:
    """Publish one outbox row and wait for JetStream's ack.

    Raises:
        TimeoutError, nats.errors.Error: not acknowledged; it may be stored all the same.
    """
    stream = "DEAD" if outgoing.subject.startswith("dead.") else outgoing.subject.split(".", 1)[0].upper()
    headers = {
        **outgoing.headers,
        "Nats-Msg-Id": str(outgoing.event_id),
        "content-type": "application/cloudevents+json",
    }
    token = context.attach(propagate.extract(outgoing.headers))
    try:
        ack = await broker.publish(
            outgoing.body, outgoing.subject, stream=stream, headers=headers, timeout=PUBLISH_TIMEOUT_SECONDS
        )
    finally:
        context.detach(token)
    if not isinstance(ack, PubAck):
        raise TypeError(f"no ack for {outgoing.subject}: {ack!r}")


def attach(broker: NatsBroker, consumer: Consumer, handle: Handle) -> None:
    """Let `handle` take the messages of a provisioned durable, `max_ack_pending` of them at a time."""

    async def consume(message: NatsMessage) -> None:
        await handle(message)

    broker.subscriber(
        subject=consumer.filter_subjects[0],
        stream=JStream(consumer.stream, declare=False),
        durable=consumer.durable,
        # Fetching no more than runs: a prefetched message's ack_wait would pass while it waits its turn.
        pull_sub=PullSub(batch_size=1, timeout=FETCH_SECONDS),
        max_workers=consumer.max_ack_pending,
        inbox_prefix=f"{inbox_prefix(consumer.service)}.".encode(),
        # The bytes as they came: a body that FastStream cannot decode would be refused before our own verdict.
        decoder=_undecoded,
        # A publisher's reply_to header would make this service publish there with its own rights.
        no_reply=True,
    )(consume)


async def _undecoded(message: StreamMessage[Any]) -> bytes:
    return bytes(message.body)

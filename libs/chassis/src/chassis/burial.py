"""Giving a message up: its owner is told, its dead letter written, and neither failing loses it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from faststream.exceptions import NackMessage
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, dead_letters, inbox
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Unavailable
from chassis.fate import Attempt, GiveUp, Subscription, Verdict
from contracts.audit import AuditOutcome
from contracts.envelope import decode

log = logging.getLogger(__name__)

BURY_AGAIN_SECONDS = 10.0


@dataclass(frozen=True)
class Letter:
    """A message as it lies in its stream."""

    subject: str
    body: bytes
    attempt: Attempt


@contextmanager
def never_lost(what: str) -> Iterator[None]:
    """Any failure inside brings the message back after a pause; when its deliveries are used up, JetStream's notice."""
    try:
        yield
    except Exception as error:
        log.exception("%s could not be buried yet", what)
        raise NackMessage(delay=BURY_AGAIN_SECONDS) from error


async def bury(database: Database, subscription: Subscription, letter: Letter, verdict: Verdict) -> None:
    durable = subscription.consumer.durable
    log.error("%s gives up %s: %s", durable, letter.subject, verdict.error)
    if subscription.give_up is not None and verdict.reason != "malformed":
        await _tell_owner(subscription.give_up, letter.body, verdict)
    async with database.transaction() as session:
        is_new = await dead_letters.bury(
            session,
            consumer=durable,
            subject=letter.subject,
            body=letter.body,
            attempt=letter.attempt,
            verdict=verdict,
        )
        # Of a refused entry of its own, usage-metrics would tell itself without end.
        if is_new and verdict.refused and letter.subject != f"{database.plumbing.schema}.audit.recorded.v1":
            await _note(session, durable, letter.subject, verdict)


async def _note(session: AsyncSession, durable: str, subject: str, verdict: Verdict) -> None:
    """An event that contradicts what is known, or is none, is a security event: nobody who tells the truth sends it."""
    await audit.record(
        session,
        "event.refused",
        actor=None,
        target=f"durable/{durable}",
        outcome=AuditOutcome.REFUSED,
        subject=subject,
        reason=verdict.reason,
    )


async def _tell_owner(give_up: GiveUp, body: bytes, verdict: Verdict) -> None:
    try:
        await give_up(decode(body), verdict.reason)
    except Unavailable:
        raise
    except Exception:
        # The letter must be written all the same: it is what an operator can act upon.
        log.exception("the owner could not be told of %s", verdict.reason)


async def bury_exhausted(
    database: Database, jetstream: JetStreamContext, subscription: Subscription, advisory: dict[str, Any]
) -> None:
    """JetStream's own notice that a message used up its deliveries, perhaps by killing the worker each time."""
    stream, durable, number = advisory["stream"], advisory["consumer"], advisory["stream_seq"]
    try:
        original = await jetstream.get_msg(stream, number)
    except NotFoundError:
        log.warning("message %s of %s is gone from its stream", number, stream)
        return
    body = original.data or b""
    if await _stands(database, durable, body):
        log.info("message %s of %s was handled, only its ack was lost", number, stream)
        return
    letter = Letter(original.subject or "", body, Attempt(stream, number, advisory["deliveries"], last=True))
    verdict = Verdict("deliveries_exhausted", "every delivery failed or ended the worker")
    await bury(database, subscription, letter, verdict)


async def _stands(database: Database, durable: str, body: bytes) -> bool:
    try:
        event = decode(body)
    except ValueError:
        return False
    async with database.transaction() as session:
        return await inbox.is_marked(session, Delivery(durable, event.id))

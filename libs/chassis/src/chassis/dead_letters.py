"""Messages that were given up: kept with their reason, published to `dead.<subject>`, and driven again on demand."""

import hashlib
import json
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.ids import named_id
from chassis.plumbing import plumbing_of
from contracts.envelope import CONTENT_TYPE

if TYPE_CHECKING:
    # Services use this module at their HTTP doors too, which have no message bus: see `chassis.platform`.
    from chassis.fate import Attempt, Verdict

# The notice on the bus must fit whatever lies in the message; the table keeps all of it.
NOTICE_CHARACTERS = 50_000


@dataclass(frozen=True)
class DeadLetter:
    id: UUID
    consumer: str
    stream: str
    body: bytes


async def bury(
    session: AsyncSession, *, consumer: str, subject: str, body: bytes, attempt: "Attempt", verdict: "Verdict"
) -> bool:
    """Keep the message and tell the bus. False: it lies there already (a redelivery after the burial)."""
    table = plumbing_of(session).dead_letters
    # The body as well: a stream that was lost and made anew counts its messages from 1 again.
    digest = hashlib.sha256(body).hexdigest()
    letter_id = named_id("dead-letter", consumer, attempt.stream, attempt.stream_seq, digest)
    text = _storable(body.decode(errors="replace"))
    statement = (
        insert(table)
        .values(
            id=letter_id,
            consumer=consumer,
            stream=attempt.stream,
            stream_seq=attempt.stream_seq,
            subject=subject,
            body=text,
            reason=verdict.reason,
            error=_storable(verdict.error),
            deliveries=attempt.number,
        )
        .on_conflict_do_nothing()
        .returning(table.c.id)
    )
    if (await session.execute(statement)).scalar_one_or_none() is None:
        return False
    notice = {
        "letter_id": str(letter_id),
        "consumer": consumer,
        "reason": verdict.reason,
        "deliveries": attempt.number,
        "message": text[:NOTICE_CHARACTERS],
    }
    await outbox.add_raw(
        session,
        subject=f"dead.{subject}",
        event_id=letter_id,
        body=json.dumps(notice, ensure_ascii=False).encode(),
        headers={"content-type": CONTENT_TYPE},
    )
    return True


async def count_open(session: AsyncSession) -> int:
    table = plumbing_of(session).dead_letters
    query = select(func.count()).select_from(table).where(table.c.resolved_at.is_(None))
    return (await session.execute(query)).scalar_one()


async def list_open(session: AsyncSession, *, limit: int = 100) -> list[dict[str, Any]]:
    table = plumbing_of(session).dead_letters
    query = select(table).where(table.c.resolved_at.is_(None)).order_by(table.c.buried_at).limit(limit)
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def request_redrive(session: AsyncSession, *, letter_id: UUID | None = None) -> int:
    """Ask the worker to run one letter, or all open ones, again. Returns how many it will take up."""
    table = plumbing_of(session).dead_letters
    statement = update(table).where(table.c.resolved_at.is_(None)).values(redrive_requested_at=func.now())
    if letter_id is not None:
        statement = statement.where(table.c.id == letter_id)
    return len((await session.execute(statement.returning(table.c.id))).all())


async def take_requested(session: AsyncSession) -> DeadLetter | None:
    """Take up the oldest request. It ends here, so that a letter that kills the worker does so once, not for ever."""
    table = plumbing_of(session).dead_letters
    oldest = (
        select(table.c.id)
        .where(table.c.redrive_requested_at.is_not(None), table.c.resolved_at.is_(None))
        .order_by(table.c.buried_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    statement = (
        update(table)
        .where(table.c.id == oldest)
        .values(redrive_requested_at=None)
        .returning(table.c.id, table.c.consumer, table.c.stream, table.c.body)
    )
    row = (await session.execute(statement)).one_or_none()
    return DeadLetter(row.id, row.consumer, row.stream, row.body.encode()) if row else None


async def settle(session: AsyncSession, letter_id: UUID, *, verdict: "Verdict | None") -> None:
    """After a redrive: resolved, or still open with the new reason."""
    table = plumbing_of(session).dead_letters
    resolved: dict[str, Any] = {"resolved_at": func.now()}
    values = {"reason": verdict.reason, "error": _storable(verdict.error)} if verdict else resolved
    await session.execute(update(table).where(table.c.id == letter_id).values(**values))


async def redact(session: AsyncSession, about: UUID, *, fields: AbstractSet[str]) -> int:
    """Empty these texts in all letters that name `about`; they can still be driven again. Returns how many changed.

    What is no event goes as a whole: nobody can tell what in it is whose.
    """
    table = plumbing_of(session).dead_letters
    letters = (await session.execute(select(table.c.id, table.c.body).where(table.c.body.contains(str(about))))).all()
    changed = 0
    for letter_id, body in letters:
        redacted = _without(body, fields)
        if redacted != body:
            await session.execute(update(table).where(table.c.id == letter_id).values(body=redacted))
            changed += 1
    return changed


def _without(body: str, fields: AbstractSet[str]) -> str:
    try:
        event = json.loads(body)
        emptied = dict.fromkeys(fields & event["data"].keys(), "")
        event["data"] = event["data"] | emptied
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
    return json.dumps(event, ensure_ascii=False) if emptied else body


def _storable(text: str) -> str:
    """PostgreSQL's text holds neither NUL nor half of a surrogate pair."""
    return text.encode(errors="replace").decode().replace("\x00", "�")

"""The outbox: an event is a row in the transaction of the change it tells of. The relay publishes it later."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from opentelemetry import propagate
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.ids import new_id
from chassis.plumbing import plumbing_of
from contracts.envelope import encode, wrap
from contracts.event import Event

# The recovery path for a lost NATS store: what was published can be published again for this long.
RETENTION = timedelta(days=7)
# A month's rows in one DELETE would run into the statement timeout, and then none of them would ever go.
FORGET_BATCH = 5_000
# Well under the bus's max_payload: a row that it refuses for ever would hold up all rows behind it.
MAX_BODY_BYTES = 512 * 1024
# Rows a statement, whose parameters are counted in 16 bits.
ADD_BATCH = 500


def channel(schema: str) -> str:
    """The NOTIFY channel that wakes the relay. A hint only: the relay polls as well."""
    return f"outbox_{schema}"


async def add(session: AsyncSession, event: Event, *, event_id: UUID | None = None) -> UUID:
    """Write `event` beside the change. A given `event_id` makes a repeated write raise IntegrityError.

    Raises:
        ValueError: the event is another service's, or too large; no bus would ever take it.
    """
    event_id = event_id or new_id()
    body, carrier = _written(session, event, event_id)
    await add_raw(session, subject=event.type, event_id=event_id, body=body, headers=carrier)
    return event_id


async def add_many(session: AsyncSession, events: Sequence[Event]) -> None:
    """The same for many at once, in their order: a thousand single ones take seconds in which rows stay locked.

    Raises:
        ValueError: as for one.
    """
    plumbing = plumbing_of(session)
    for start in range(0, len(events), ADD_BATCH):
        rows = []
        for event in events[start : start + ADD_BATCH]:
            event_id = new_id()
            body, carrier = _written(session, event, event_id)
            rows.append(_row(subject=event.type, event_id=event_id, body=body, headers=carrier))
        await session.execute(insert(plumbing.outbox).values(rows))
    await session.execute(select(func.pg_notify(channel(plumbing.schema), "")))


def _written(session: AsyncSession, event: Event, event_id: UUID) -> tuple[bytes, dict[str, str]]:
    if event.publisher() != plumbing_of(session).schema:
        raise ValueError(f"{event.type} is not published by {plumbing_of(session).schema}")
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    envelope = wrap(event, event_id=event_id, time=datetime.now(UTC), traceparent=carrier.get("traceparent"))
    return encode(envelope), carrier


def _row(*, subject: str, event_id: UUID, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"{subject}: {len(body)} bytes; events carry ids and small facts, never a text")
    return {"event_id": event_id, "subject": subject, "payload": json.loads(body), "headers": headers}


async def add_raw(session: AsyncSession, *, subject: str, event_id: UUID, body: bytes, headers: dict[str, str]) -> None:
    row = _row(subject=subject, event_id=event_id, body=body, headers=headers)
    plumbing = plumbing_of(session)
    wake = func.pg_notify(channel(plumbing.schema), "")
    await session.execute(insert(plumbing.outbox).values(**row).returning(wake))


async def forget_old(session: AsyncSession, *, limit: int = FORGET_BATCH) -> bool:
    """Delete up to `limit` published rows whose time is over. True: there may be more."""
    table = plumbing_of(session).outbox
    old = select(table.c.id).where(table.c.published_at < func.now() - RETENTION).limit(limit)
    deleted = await session.execute(delete(table).where(table.c.id.in_(old)).returning(table.c.id))
    return len(deleted.all()) == limit


async def republish(session: AsyncSession, *, since: datetime) -> int:
    """Publish again everything written since then; inboxes drop what they know. Returns the number of events."""
    plumbing = plumbing_of(session)
    table = plumbing.outbox
    statement = (
        update(table)
        .where(table.c.created_at >= since, table.c.published_at.is_not(None))
        .values(published_at=None)
        .returning(table.c.id)
    )
    count = len((await session.execute(statement)).all())
    await session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": channel(plumbing.schema)})
    return count


async def oldest_unpublished_seconds(session: AsyncSession) -> float:
    """0 when everything is published."""
    table = plumbing_of(session).outbox
    age = func.extract("epoch", func.now() - func.min(table.c.created_at))
    value = (await session.execute(select(age).where(table.c.published_at.is_(None)))).scalar_one()
    return float(value or 0)

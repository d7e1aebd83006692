"""The inbox: an effect and the mark that it happened commit together, so that it happens once."""

from datetime import timedelta

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.delivery import AlreadyHandled, Delivery
from chassis.plumbing import plumbing_of

# Longer than everything that can send an event again: outbox and streams keep 7 days.
RETENTION = timedelta(days=9)
# As for the outbox: one DELETE of all of them would run into the statement timeout.
FORGET_BATCH = 5_000


async def mark(session: AsyncSession, delivery: Delivery) -> None:
    """Write the mark; a concurrent delivery of the same event waits here until the first one commits.

    Raises:
        AlreadyHandled: the mark was there.
    """
    table = plumbing_of(session).inbox
    statement = (
        insert(table)
        .values(consumer=delivery.consumer, event_id=delivery.event_id)
        .on_conflict_do_nothing()
        .returning(table.c.event_id)
    )
    if (await session.execute(statement)).scalar_one_or_none() is None:
        raise AlreadyHandled


async def is_marked(session: AsyncSession, delivery: Delivery) -> bool:
    table = plumbing_of(session).inbox
    query = select(table.c.event_id).filter_by(consumer=delivery.consumer, event_id=delivery.event_id)
    return (await session.execute(query)).scalar_one_or_none() is not None


async def forget_old(session: AsyncSession, *, limit: int = FORGET_BATCH) -> bool:
    """Delete up to `limit` marks whose time is over. True: there may be more."""
    table = plumbing_of(session).inbox
    key = (table.c.consumer, table.c.event_id)
    old = select(*key).where(table.c.processed_at < func.now() - RETENTION).limit(limit)
    deleted = await session.execute(delete(table).where(tuple_(*key).in_(old)).returning(table.c.event_id))
    return len(deleted.all()) == limit

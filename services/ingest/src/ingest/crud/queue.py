"""Which document is worked on next, and whose it is while it is worked on."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import WORKING, Document, Turn

# Written out where an index must be seen to fit: with a parameter in it, PostgreSQL would not.
_WORKING = text(f"documents.state IN ({', '.join(repr(state.value) for state in WORKING)})")
_IS_LARGE = Document.size_bytes > text("1048576")

_FREE = and_(
    or_(Document.claim_id.is_(None), Document.claimed_until < func.clock_timestamp()),
    or_(Document.waits_until.is_(None), Document.waits_until <= func.clock_timestamp()),
)


async def next_waiting(session: AsyncSession, *, small_alone: bool) -> UUID | None:
    """Of the org, and in it of the person, who has waited longest for a turn; a small document before a large one.

    A person without an org is an org of their own. `small_alone`: documents above 1 MiB are passed over.
    """
    first = select(Document).where(_WORKING, _FREE)
    if small_alone:
        first = first.where(~_IS_LARGE)
    first = first.order_by(Document.owner_id, _IS_LARGE, Document.queued_at).ext(distinct_on(Document.owner_id))
    own = first.subquery()
    by_org = select(Turn.taken_at).where(Turn.holder_id == func.coalesce(own.c.org_id, own.c.owner_id))
    by_owner = select(Turn.taken_at).where(Turn.holder_id == own.c.owner_id)
    query = (
        select(own.c.document_id)
        .order_by(
            by_org.scalar_subquery().asc().nulls_first(),
            by_owner.scalar_subquery().asc().nulls_first(),
            own.c.queued_at,
        )
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def get_free(session: AsyncSession, document_id: UUID) -> Document | None:
    """Locked; None when it is no longer waiting, or somebody has it at this moment."""
    query = select(Document).where(Document.document_id == document_id, _WORKING, _FREE)
    query = query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def take_turn(session: AsyncSession, document: Document) -> None:
    holders = {document.owner_id, document.org_id or document.owner_id}
    # In one order, so that two who take turns never wait for each other.
    values = [{"holder_id": each, "taken_at": func.clock_timestamp()} for each in sorted(holders)]
    statement = insert(Turn).values(values)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[Turn.holder_id], set_={Turn.taken_at: statement.excluded.taken_at}
        )
    )


async def delete_old_turns(session: AsyncSession, *, older_than: timedelta) -> None:
    await session.execute(delete(Turn).where(Turn.taken_at < func.now() - older_than))


async def update_claimed(session: AsyncSession, document_id: UUID, held_claim: UUID, **values: Any) -> bool:
    """False: the claim is no longer this worker's, so nothing was written."""
    statement = (
        update(Document)
        .where(Document.document_id == document_id, Document.claim_id == held_claim)
        .values(updated_at=func.now(), **values)
        .returning(Document.document_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def is_held(session: AsyncSession, document_id: UUID, held_claim: UUID) -> bool:
    query = select(Document.document_id).where(Document.document_id == document_id, Document.claim_id == held_claim)
    return (await session.execute(query)).scalar_one_or_none() is not None


async def extend(session: AsyncSession, document_id: UUID, held_claim: UUID, *, by: timedelta) -> None:
    """It stays without an `updated_at`: a sign of life is no progress."""
    statement = update(Document).where(Document.document_id == document_id, Document.claim_id == held_claim)
    await session.execute(statement.values(claimed_until=until(by)))


async def uncount_claim(session: AsyncSession, document_id: UUID) -> None:
    statement = (
        update(Document)
        .where(Document.document_id == document_id, _WORKING, Document.attempts > 0)
        .values(attempts=Document.attempts - 1)
    )
    await session.execute(statement)


def until(by: timedelta) -> Any:
    """So long from now, on the database's clock: workers' clocks may differ."""
    return func.clock_timestamp() + by


async def from_now(session: AsyncSession, pause: timedelta) -> datetime:
    """The same as a value."""
    moment: datetime = (await session.execute(select(until(pause)))).scalar_one()
    return moment

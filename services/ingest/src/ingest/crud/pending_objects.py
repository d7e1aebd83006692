from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import PendingObject


async def add(session: AsyncSession, storage_key: str, *, owner_id: UUID) -> None:
    """Again for the same key: its time begins anew."""
    statement = insert(PendingObject).values(storage_key=storage_key, owner_id=owner_id)
    again = statement.on_conflict_do_update(
        index_elements=[PendingObject.storage_key], set_={"created_at": func.now(), "is_discarded": False}
    )
    await session.execute(again)


async def delete_kept(session: AsyncSession, storage_key: str) -> bool:
    """The object has its document now. False: it was discarded, and may be gone."""
    statement = delete(PendingObject).where(PendingObject.storage_key == storage_key, ~PendingObject.is_discarded)
    return (await session.execute(statement.returning(PendingObject.storage_key))).scalar_one_or_none() is not None


async def discard(session: AsyncSession, storage_key: str, *, owner_id: UUID) -> None:
    """Of an object that no document will have once this transaction is committed: the sweep deletes what is left."""
    statement = insert(PendingObject).values(storage_key=storage_key, owner_id=owner_id, is_discarded=True)
    await session.execute(
        statement.on_conflict_do_update(index_elements=[PendingObject.storage_key], set_={"is_discarded": True})
    )


async def is_pending(session: AsyncSession, storage_key: str) -> bool:
    """Whether no document has it; waits for a commit that is still under way."""
    query = select(PendingObject.storage_key).where(PendingObject.storage_key == storage_key).with_for_update()
    return (await session.execute(query)).scalar_one_or_none() is not None


async def discard_older(session: AsyncSession, *, than: datetime, limit: int) -> list[str]:
    """The keys of objects that nobody stores any more, and of discarded ones; from now on no document can have them."""
    old = (
        select(PendingObject.storage_key)
        .where(or_(PendingObject.created_at < than, PendingObject.is_discarded))
        .order_by(PendingObject.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = update(PendingObject).where(PendingObject.storage_key.in_(old)).values(is_discarded=True)
    marked = await session.execute(statement.returning(PendingObject.storage_key))
    return list(marked.scalars())


async def delete_all(session: AsyncSession, storage_keys: Collection[str]) -> None:
    await session.execute(delete(PendingObject).where(PendingObject.storage_key.in_(storage_keys)))

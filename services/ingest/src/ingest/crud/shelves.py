from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from ingest.models import SharedWith, Shelf


async def update_projection(session: AsyncSession, *, version: int, **values: Any) -> None:
    await projection.upsert(session, cast("Table", Shelf.__table__), version=version, **values)


async def get(session: AsyncSession, shelf_id: UUID) -> Shelf | None:
    """As it is now, whatever this session read of it before."""
    query = select(Shelf).where(Shelf.shelf_id == shelf_id).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def get_own(
    session: AsyncSession, shelf_id: UUID, *, kind: SharedWith, owner_id: UUID, locked: bool
) -> Shelf | None:
    """One that there is. `locked`: neither its class nor its end is written before the transaction is over."""
    query = select(Shelf).where(
        Shelf.shelf_id == shelf_id, Shelf.kind == kind.value, Shelf.owner_id == owner_id, Shelf.is_live
    )
    return (await session.execute(query.with_for_update(read=True) if locked else query)).scalar_one_or_none()


async def delete_of_user(session: AsyncSession, owner_id: UUID) -> int:
    deleted = await session.execute(delete(Shelf).where(Shelf.owner_id == owner_id).returning(Shelf.shelf_id))
    return len(deleted.all())


async def count_of_user(session: AsyncSession, owner_id: UUID) -> int:
    return (
        await session.execute(select(func.count()).select_from(Shelf).where(Shelf.owner_id == owner_id))
    ).scalar_one()

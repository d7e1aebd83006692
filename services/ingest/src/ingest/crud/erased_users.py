"""Who is erased. A lock on the user's id keeps what is being written of them and their erasure apart."""

from typing import Any
from uuid import UUID

from sqlalchemy import Function, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import SCHEMA, ErasedUser


async def is_erased(session: AsyncSession, user_id: UUID) -> bool:
    """The answer holds until the transaction ends: an erasure waits for that."""
    await session.execute(select(func.pg_advisory_xact_lock_shared(_lock(user_id))))
    return await get(session, user_id) is not None


async def lock(session: AsyncSession, user_id: UUID) -> None:
    """Waits for those that asked `is_erased` before; those that ask from now on wait for this transaction."""
    await session.execute(select(func.pg_advisory_xact_lock(_lock(user_id))))


async def get(session: AsyncSession, user_id: UUID) -> ErasedUser | None:
    return (await session.execute(select(ErasedUser).where(ErasedUser.user_id == user_id))).scalar_one_or_none()


async def get_for_update(session: AsyncSession, user_id: UUID) -> ErasedUser:
    query = select(ErasedUser).where(ErasedUser.user_id == user_id).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one()


async def add(session: AsyncSession, **values: Any) -> ErasedUser:
    return (await session.execute(insert(ErasedUser).values(**values).returning(ErasedUser))).scalar_one()


def _lock(user_id: UUID) -> Function[Any]:
    return func.hashtextextended(f"{SCHEMA}.erased_users/{user_id}", 0)

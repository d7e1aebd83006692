"""Who is erased. A lock on the user's id keeps what is being written of them and their erasure apart."""

from typing import Any
from uuid import UUID

from sqlalchemy import Function, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from rag.models import SCHEMA, ErasedUser


async def is_erased(session: AsyncSession, user_id: UUID) -> bool:
    """The answer holds until the transaction ends: an erasure waits for that."""
    await session.execute(select(func.pg_advisory_xact_lock_shared(_lock(user_id))))
    query = select(ErasedUser.user_id).where(ErasedUser.user_id == user_id)
    return (await session.execute(query)).scalar_one_or_none() is not None


async def add(session: AsyncSession, user_id: UUID) -> bool:
    """Waits for those that asked `is_erased` before; those that ask from now on wait for this transaction.

    False: they were erased before.
    """
    await session.execute(select(func.pg_advisory_xact_lock(_lock(user_id))))
    statement = insert(ErasedUser).values(user_id=user_id).on_conflict_do_nothing().returning(ErasedUser.user_id)
    return (await session.execute(statement)).scalar_one_or_none() is not None


def _lock(user_id: UUID) -> Function[Any]:
    return func.hashtextextended(f"{SCHEMA}.erased_users/{user_id}", 0)

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from rag.models import VectorRead


async def add(session: AsyncSession, **values: Any) -> bool:
    """False: this version is there."""
    statement = insert(VectorRead).values(**values).on_conflict_do_nothing().returning(VectorRead.version)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def get(session: AsyncSession, version: int) -> VectorRead | None:
    return (await session.execute(select(VectorRead).where(VectorRead.version == version))).scalar_one_or_none()


async def get_latest(session: AsyncSession) -> VectorRead | None:
    query = select(VectorRead).order_by(VectorRead.version.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()

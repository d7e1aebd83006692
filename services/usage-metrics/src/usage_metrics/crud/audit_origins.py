from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from usage_metrics.models import AuditOrigin


async def add(session: AsyncSession, **origin: Any) -> None:
    await session.execute(insert(AuditOrigin).values(**origin).on_conflict_do_nothing())


async def delete_of_user(session: AsyncSession, user_id: UUID) -> int:
    statement = delete(AuditOrigin).where(AuditOrigin.user_id == user_id).returning(AuditOrigin.audit_id)
    return len((await session.execute(statement)).all())


async def count_of_user(session: AsyncSession, user_id: UUID) -> int:
    query = select(func.count()).select_from(AuditOrigin).where(AuditOrigin.user_id == user_id)
    return (await session.execute(query)).scalar_one()

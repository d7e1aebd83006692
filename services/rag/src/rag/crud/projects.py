from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from rag.models import SCHEMA, Project


async def count_to_add(session: AsyncSession, owner_id: UUID) -> int:
    """How many there are; whoever else wants to add one waits for the end of the transaction."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{SCHEMA}.projects/{owner_id}", 0))))
    return await count_of_user(session, owner_id)


async def add(session: AsyncSession, **values: Any) -> Project:
    return (await session.execute(insert(Project).values(**values).returning(Project))).scalar_one()


async def get(session: AsyncSession, project_id: UUID, *, owner_id: UUID) -> Project | None:
    query = select(Project).where(Project.project_id == project_id, Project.owner_id == owner_id)
    return (await session.execute(query)).scalar_one_or_none()


async def get_for_update(session: AsyncSession, project_id: UUID, *, owner_id: UUID) -> Project | None:
    query = select(Project).where(Project.project_id == project_id, Project.owner_id == owner_id)
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def list_page(session: AsyncSession, page: Slice, *, owner_id: UUID, name: str | None) -> list[Project]:
    query = select(Project).where(Project.owner_id == owner_id)
    if name:
        query = query.where(Project.name.icontains(name, autoescape=True))
    query = paging.apply(query, page, at=Project.created_at.expression, key=Project.project_id.expression)
    return list((await session.execute(query)).scalars())


async def owners_of(session: AsyncSession, project_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """By project, of those that there are."""
    query = select(Project.project_id, Project.owner_id).where(Project.project_id.in_(project_ids))
    return {row.project_id: row.owner_id for row in await session.execute(query)} if project_ids else {}


async def delete_one(session: AsyncSession, project_id: UUID, *, owner_id: UUID) -> bool:
    """False: there was none."""
    statement = delete(Project).where(Project.project_id == project_id, Project.owner_id == owner_id)
    return (await session.execute(statement.returning(Project.project_id))).scalar_one_or_none() is not None


async def delete_of_user(session: AsyncSession, owner_id: UUID) -> int:
    deleted = await session.execute(delete(Project).where(Project.owner_id == owner_id).returning(Project.project_id))
    return len(deleted.all())


async def count_of_user(session: AsyncSession, owner_id: UUID) -> int:
    query = select(func.count()).select_from(Project).where(Project.owner_id == owner_id)
    return (await session.execute(query)).scalar_one()

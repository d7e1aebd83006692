from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from rag.models import SCHEMA, TENANCY, Agent
from tenancy.teaching import is_taught_by

# What its owner may say to a class ends with their part in it: their words would go on reaching the class's people.
_OWNER_TEACHES = is_taught_by(TENANCY, class_id=Agent.class_id, user_id=Agent.owner_id)


def _open_to(user_id: UUID, class_ids: Collection[UUID]) -> ColumnElement[bool]:
    return or_(Agent.owner_id == user_id, and_(Agent.class_id.in_(class_ids), _OWNER_TEACHES))


async def count_to_add(session: AsyncSession, owner_id: UUID) -> int:
    """How many there are; whoever else wants to add one waits for the end of the transaction."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{SCHEMA}.agents/{owner_id}", 0))))
    return await count_of_user(session, owner_id)


async def add(session: AsyncSession, **values: Any) -> Agent:
    return (await session.execute(insert(Agent).values(**values).returning(Agent))).scalar_one()


async def get_open(
    session: AsyncSession, agent_id: UUID, *, user_id: UUID, class_ids: Collection[UUID]
) -> Agent | None:
    """The user's own, or one of these classes whose owner teaches there."""
    query = select(Agent).where(Agent.agent_id == agent_id, _open_to(user_id, class_ids))
    return (await session.execute(query)).scalar_one_or_none()


async def get_for_update(session: AsyncSession, agent_id: UUID, *, owner_id: UUID) -> Agent | None:
    query = select(Agent).where(Agent.agent_id == agent_id, Agent.owner_id == owner_id)
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def list_page(
    session: AsyncSession,
    page: Slice,
    *,
    user_id: UUID,
    class_ids: Collection[UUID],
    class_id: UUID | None,
    name: str | None,
) -> list[Agent]:
    """Those that `get_open` would find."""
    query = select(Agent).where(_open_to(user_id, class_ids))
    if class_id is not None:
        query = query.where(Agent.class_id == class_id)
    if name:
        query = query.where(Agent.name.icontains(name, autoescape=True))
    query = paging.apply(query, page, at=Agent.created_at.expression, key=Agent.agent_id.expression)
    return list((await session.execute(query)).scalars())


async def owners_of(session: AsyncSession, agent_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """By agent, of those that there are."""
    query = select(Agent.agent_id, Agent.owner_id).where(Agent.agent_id.in_(agent_ids))
    return {row.agent_id: row.owner_id for row in await session.execute(query)} if agent_ids else {}


async def delete_one(session: AsyncSession, agent_id: UUID, *, owner_id: UUID) -> Agent | None:
    """The row that was deleted, or None where there was none."""
    statement = delete(Agent).where(Agent.agent_id == agent_id, Agent.owner_id == owner_id).returning(Agent)
    return (await session.execute(statement)).scalar_one_or_none()


async def delete_of_user(session: AsyncSession, owner_id: UUID) -> int:
    deleted = await session.execute(delete(Agent).where(Agent.owner_id == owner_id).returning(Agent.agent_id))
    return len(deleted.all())


async def count_of_user(session: AsyncSession, owner_id: UUID) -> int:
    query = select(func.count()).select_from(Agent).where(Agent.owner_id == owner_id)
    return (await session.execute(query)).scalar_one()

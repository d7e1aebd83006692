from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from rag.models import TENANCY


async def list_org_ids_of_user(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """The orgs in which the user has a part."""
    membership = TENANCY.memberships.c
    query = select(membership.org_id).where(membership.user_id == user_id, membership.is_active).distinct()
    return list((await session.execute(query)).scalars())


async def delete_of_user(session: AsyncSession, user_id: UUID) -> int:
    table = TENANCY.memberships
    deleted = await session.execute(delete(table).where(table.c.user_id == user_id).returning(table.c.membership_id))
    return len(deleted.all())


async def count_of_user(session: AsyncSession, user_id: UUID) -> int:
    table = TENANCY.memberships
    query = select(func.count()).select_from(table).where(table.c.user_id == user_id)
    return (await session.execute(query)).scalar_one()

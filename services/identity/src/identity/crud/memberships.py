from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import TENANCY


async def list_roles(session: AsyncSession, user_id: UUID) -> frozenset[str]:
    """The roles that a user has anywhere, in suspended orgs and partners too."""
    membership = TENANCY.memberships.c
    query = select(membership.role).where(membership.user_id == user_id, membership.is_active)
    return frozenset((await session.execute(query.where(membership.role.is_not(None)))).scalars())

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import OrgScope, OwnScope, PlatformScope
from org_partner.models import Membership, Org


async def add(session: AsyncSession, _scope: PlatformScope, *, org_id: UUID, name: str) -> Org:
    statement = insert(Org).values(org_id=org_id, name=name).returning(Org)
    return (await session.execute(statement)).scalar_one()


async def get(session: AsyncSession, scope: OrgScope) -> Org:
    return await session.get_one(Org, scope.org_id)


async def list_for_scope(session: AsyncSession, scope: PlatformScope | OwnScope, page: Slice) -> Sequence[Org]:
    query = select(Org)
    if isinstance(scope, OwnScope):
        query = query.where(Org.org_id.in_(select(Membership.org_id).where(Membership.user_id == scope.user_id)))
    return (await session.execute(paging.apply(query, page, at=Org.created_at, key=Org.org_id))).scalars().all()

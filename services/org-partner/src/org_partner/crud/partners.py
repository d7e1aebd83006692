from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import OrgScope
from org_partner.models import Partner


async def add(session: AsyncSession, scope: OrgScope, *, partner_id: UUID, name: str) -> Partner:
    statement = insert(Partner).values(partner_id=partner_id, org_id=scope.org_id, name=name).returning(Partner)
    return (await session.execute(statement)).scalar_one()


async def list_for_org(session: AsyncSession, scope: OrgScope, page: Slice) -> Sequence[Partner]:
    query = select(Partner).where(Partner.org_id == scope.org_id)
    if scope.partner_ids is not None:
        query = query.where(Partner.partner_id.in_(scope.partner_ids))
    query = paging.apply(query, page, at=Partner.created_at, key=Partner.partner_id)
    return (await session.execute(query)).scalars().all()

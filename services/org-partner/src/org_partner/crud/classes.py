from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import ClassScope, PartnerScope
from org_partner.models import Class


async def add(session: AsyncSession, scope: PartnerScope, *, class_id: UUID, course_id: UUID, name: str) -> Class:
    tenant = {"org_id": scope.org_id, "partner_id": scope.partner_id}
    statement = insert(Class).values(class_id=class_id, course_id=course_id, name=name, **tenant).returning(Class)
    return (await session.execute(statement)).scalar_one()


async def get(session: AsyncSession, scope: ClassScope) -> Class:
    return await session.get_one(Class, scope.class_id)


async def list_for_partner(session: AsyncSession, scope: PartnerScope, page: Slice) -> Sequence[Class]:
    query = select(Class).where(Class.org_id == scope.org_id, Class.partner_id == scope.partner_id)
    query = paging.apply(query, page, at=Class.opened_at, key=Class.class_id)
    return (await session.execute(query)).scalars().all()

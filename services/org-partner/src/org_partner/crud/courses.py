from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import OrgScope, PartnerScope
from org_partner.models import Course


async def add(session: AsyncSession, scope: OrgScope, *, course_id: UUID, name: str) -> Course:
    statement = insert(Course).values(course_id=course_id, org_id=scope.org_id, name=name).returning(Course)
    return (await session.execute(statement)).scalar_one()


async def is_in_org(session: AsyncSession, scope: PartnerScope, course_id: UUID) -> bool:
    query = select(exists().where(Course.course_id == course_id, Course.org_id == scope.org_id))
    return (await session.execute(query)).scalar_one()


async def list_for_org(session: AsyncSession, scope: OrgScope, page: Slice) -> Sequence[Course]:
    query = select(Course).where(Course.org_id == scope.org_id)
    query = paging.apply(query, page, at=Course.created_at, key=Course.course_id)
    return (await session.execute(query)).scalars().all()

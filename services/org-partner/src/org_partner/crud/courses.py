from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import OrgScope, PartnerScope
from org_partner.models import Course


async def add(session: AsyncSession, scope: OrgScope, *, course_id: UUID, name: str, description: str) -> Course:
    values = {"course_id": course_id, "org_id": scope.org_id, "name": name, "description": description}
    return (await session.execute(insert(Course).values(**values).returning(Course))).scalar_one()


async def get(session: AsyncSession, scope: OrgScope | PartnerScope, course_id: UUID) -> Course | None:
    """None: the org has no such course."""
    query = select(Course).where(Course.course_id == course_id, Course.org_id == scope.org_id)
    return (await session.execute(query)).scalar_one_or_none()


async def lock(session: AsyncSession, scope: OrgScope | PartnerScope, course_id: UUID) -> Course | None:
    """Also against being archived while a class of it is made."""
    query = select(Course).where(Course.course_id == course_id, Course.org_id == scope.org_id)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def update_values(session: AsyncSession, scope: OrgScope, course_id: UUID, **values: Any) -> Course:
    """Of a locked row. `archived` True or False becomes the time of now or none."""
    archived = values.pop("archived", None)
    if archived is not None:
        values["archived_at"] = func.coalesce(Course.archived_at, func.now()) if archived else None
    statement = (
        update(Course)
        .where(Course.course_id == course_id, Course.org_id == scope.org_id)
        .values(version=Course.version + 1, **values)
        .returning(Course)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one()


async def list_for_org(
    session: AsyncSession, scope: OrgScope, page: Slice, *, name: str | None = None, archived: bool | None = None
) -> Sequence[Course]:
    query = select(Course).where(Course.org_id == scope.org_id)
    if name:
        query = query.where(Course.name.icontains(name, autoescape=True))
    if archived is not None:
        query = query.where(Course.archived_at.is_not(None) if archived else Course.archived_at.is_(None))
    query = paging.apply(query, page, at=Course.created_at, key=Course.course_id)
    return (await session.execute(query)).scalars().all()

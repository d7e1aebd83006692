from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.ids import new_id
from org_partner.crud.scopes import ClassScope, InviteScope
from org_partner.models import Student


async def add_many(
    session: AsyncSession, scope: ClassScope | InviteScope, user_ids: Collection[UUID]
) -> dict[UUID, UUID]:
    """The org's students by user: new ones, and those that there were before."""
    # In order, so that two that add the same people wait for each other and never in a circle.
    rows = [{"student_id": new_id(), "org_id": scope.org_id, "user_id": user_id} for user_id in sorted(user_ids)]
    await session.execute(
        insert(Student).values(rows).on_conflict_do_nothing(index_elements=[Student.org_id, Student.user_id])
    )
    query = select(Student.user_id, Student.student_id).where(
        Student.org_id == scope.org_id, Student.user_id.in_(user_ids)
    )
    return {row.user_id: row.student_id for row in await session.execute(query)}

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.ids import new_id
from org_partner.crud.scopes import ClassScope, EnrollmentScope, InviteScope
from org_partner.models import Enrollment, Student

# Whoever is in a class, even if only paused, keeps their seat.
IN_CLASS = ("active", "paused")


async def add_many(
    session: AsyncSession, scope: ClassScope | InviteScope, student_ids: Collection[UUID], **assigned: Any
) -> Sequence[Enrollment]:
    """New ones, and ended ones once more, with a higher version; whoever is in stays as they are and is left out."""
    tenant = {"org_id": scope.org_id, "partner_id": scope.partner_id, "class_id": scope.class_id}
    rows = [
        {"enrollment_id": new_id(), "student_id": each, "status": "active", **tenant, **assigned}
        for each in student_ids
    ]
    statement = insert(Enrollment).values(rows)
    again: dict[str, Any] = {name: statement.excluded[name] for name in assigned}
    again |= {"status": "active", "ended_by": None, "enrolled_at": func.now(), "version": Enrollment.version + 1}
    statement = statement.on_conflict_do_update(
        index_elements=[Enrollment.student_id, Enrollment.class_id], set_=again, where=Enrollment.status == "ended"
    )
    returned = statement.returning(Enrollment).execution_options(populate_existing=True)
    return (await session.execute(returned)).scalars().all()


async def lock(session: AsyncSession, scope: EnrollmentScope) -> Enrollment:
    """Whoever changes the enrolment meanwhile waits, and then sees what became of it."""
    query = select(Enrollment).where(Enrollment.enrollment_id == scope.enrollment_id, Enrollment.org_id == scope.org_id)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one()


async def update_values(session: AsyncSession, scope: EnrollmentScope, **values: Any) -> Enrollment:
    """Of a locked row. Counted up."""
    statement = (
        update(Enrollment)
        .where(Enrollment.enrollment_id == scope.enrollment_id, Enrollment.org_id == scope.org_id)
        .values(version=Enrollment.version + 1, **values)
        .returning(Enrollment)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one()


async def count_in_class(session: AsyncSession, scope: ClassScope | InviteScope | EnrollmentScope) -> int:
    """The seats that are taken."""
    query = select(func.count()).select_from(Enrollment)
    query = query.where(Enrollment.class_id == scope.class_id, Enrollment.status.in_(IN_CLASS))
    return (await session.execute(query)).scalar_one()


async def list_statuses(
    session: AsyncSession, scope: ClassScope | InviteScope, user_ids: Collection[UUID]
) -> dict[UUID, Row[UUID, str, UUID | None]]:
    """By user: those of them who are or were in the class."""
    query = (
        select(Student.user_id, Enrollment.status, Enrollment.ended_by)
        .join(Student, Student.student_id == Enrollment.student_id)
        .where(Enrollment.class_id == scope.class_id, Enrollment.org_id == scope.org_id)
        .where(Student.user_id.in_(user_ids))
    )
    return {row.user_id: row for row in await session.execute(query)}

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import ClassScope, InviteScope, OwnScope
from org_partner.models import Class, Course, Enrollment, Org, Partner, Student, User


async def add(session: AsyncSession, scope: InviteScope, *, enrollment_id: UUID, student_id: UUID) -> Enrollment:
    tenant = {"org_id": scope.org_id, "partner_id": scope.partner_id, "class_id": scope.class_id}
    statement = insert(Enrollment).values(enrollment_id=enrollment_id, student_id=student_id, **tenant)
    return (await session.execute(statement.returning(Enrollment))).scalar_one()


async def get_for_invite(session: AsyncSession, scope: InviteScope) -> Row[*tuple[Any, ...]] | None:
    """The caller's enrolment in the code's class, as `list_for_user` gives it."""
    query = _with_names().where(Student.user_id == scope.user_id, Enrollment.class_id == scope.class_id)
    return (await session.execute(query)).one_or_none()


async def list_for_user(session: AsyncSession, scope: OwnScope, page: Slice) -> Sequence[Row[*tuple[Any, ...]]]:
    query = _with_names().where(Student.user_id == scope.user_id)
    return (await session.execute(_paged(query, page))).all()


async def list_for_class(session: AsyncSession, scope: ClassScope, page: Slice) -> Sequence[Row[*tuple[Any, ...]]]:
    """Enrolments with the students' names. The names are absent until identity's event about the user arrives."""
    query = (
        select(
            Enrollment.enrollment_id,
            Enrollment.student_id,
            Enrollment.status,
            Enrollment.enrolled_at,
            Student.user_id,
            User.display_name,
            User.email,
        )
        .join(Student, Student.student_id == Enrollment.student_id)
        .outerjoin(User, User.user_id == Student.user_id)
        .where(Enrollment.class_id == scope.class_id, Enrollment.org_id == scope.org_id)
    )
    return (await session.execute(_paged(query, page))).all()


def _with_names() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Enrollment.enrollment_id,
            Enrollment.student_id,
            Enrollment.status,
            Enrollment.enrolled_at,
            Class.class_id,
            Class.name.label("class_name"),
            Course.course_id,
            Course.name.label("course_name"),
            Partner.partner_id,
            Partner.name.label("partner_name"),
            Org.org_id,
            Org.name.label("org_name"),
        )
        .join(Student, Student.student_id == Enrollment.student_id)
        .join(Class, Class.class_id == Enrollment.class_id)
        .join(Course, Course.course_id == Class.course_id)
        .join(Partner, Partner.partner_id == Class.partner_id)
        .join(Org, Org.org_id == Class.org_id)
    )


def _paged(query: Select[*tuple[Any, ...]], page: Slice) -> Select[*tuple[Any, ...]]:
    return paging.apply(query, page, at=Enrollment.enrolled_at, key=Enrollment.enrollment_id)

"""Enrolments as people read them: a student's own with the names of all above, a class's or partner's with students."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import Row, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import ClassScope, EnrollmentScope, InviteScope, OwnScope, PartnerScope
from org_partner.models import Class, Course, Enrollment, Org, Partner, Student, User


class StudentFilter(TypedDict, total=False):
    """`text`: a part of the name or the address."""

    status: str | None
    text: str | None
    enrolled_from: datetime | None
    enrolled_to: datetime | None


async def get_for_invite(session: AsyncSession, scope: InviteScope) -> Row[*tuple[Any, ...]] | None:
    """The caller's enrolment in the code's class."""
    query = _with_names().where(Student.user_id == scope.user_id, Enrollment.class_id == scope.class_id)
    return (await session.execute(query)).one_or_none()


async def get(session: AsyncSession, scope: EnrollmentScope) -> Row[*tuple[Any, ...]]:
    query = _with_names().where(Enrollment.enrollment_id == scope.enrollment_id, Enrollment.org_id == scope.org_id)
    return (await session.execute(query)).one()


async def list_for_user(
    session: AsyncSession, scope: OwnScope, page: Slice, *, status: str | None = None
) -> Sequence[Row[*tuple[Any, ...]]]:
    query = _with_names().where(Student.user_id == scope.user_id)
    if status is not None:
        query = query.where(Enrollment.status == status)
    return (await session.execute(_paged(query, page))).all()


async def list_students(
    session: AsyncSession,
    scope: ClassScope | PartnerScope,
    page: Slice,
    *,
    class_id: UUID | None = None,
    **wanted: Unpack[StudentFilter],
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The names are absent until identity's event about the user arrives, and once the account is no more."""
    query = _students().where(Enrollment.org_id == scope.org_id, Enrollment.partner_id == scope.partner_id)
    within = scope.class_id if isinstance(scope, ClassScope) else class_id
    if within is not None:
        query = query.where(Enrollment.class_id == within)
    if status := wanted.get("status"):
        query = query.where(Enrollment.status == status)
    if text := wanted.get("text"):
        found = (column.icontains(text, autoescape=True) for column in (User.display_name, User.email))
        query = query.where(or_(*found))
    if enrolled_from := wanted.get("enrolled_from"):
        query = query.where(Enrollment.enrolled_at >= enrolled_from)
    if enrolled_to := wanted.get("enrolled_to"):
        query = query.where(Enrollment.enrolled_at < enrolled_to)
    return (await session.execute(_paged(query, page))).all()


def _students() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Enrollment.enrollment_id,
            Enrollment.class_id,
            Class.name.label("class_name"),
            Enrollment.student_id,
            Enrollment.status,
            Enrollment.version,
            Enrollment.enrolled_at,
            Enrollment.assigned_models,
            Enrollment.assigned_budget,
            Student.user_id,
            User.display_name,
            User.email,
        )
        .join(Student, Student.student_id == Enrollment.student_id)
        .join(Class, Class.class_id == Enrollment.class_id)
        .outerjoin(User, User.user_id == Student.user_id)
    )


def _with_names() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Enrollment.enrollment_id,
            Enrollment.student_id,
            Student.user_id,
            Enrollment.status,
            Enrollment.version,
            Enrollment.enrolled_at,
            Class.class_id,
            Class.name.label("class_name"),
            Class.allowed_models,
            Class.student_budget,
            Course.course_id,
            Course.name.label("course_name"),
            Partner.partner_id,
            Partner.name.label("partner_name"),
            Org.org_id,
            Org.name.label("org_name"),
            ((Org.status == "active") & (Partner.status == "active")).label("is_tenant_active"),
        )
        .join(Student, Student.student_id == Enrollment.student_id)
        .join(Class, Class.class_id == Enrollment.class_id)
        .join(Course, Course.course_id == Class.course_id)
        .join(Partner, Partner.partner_id == Class.partner_id)
        .join(Org, Org.org_id == Class.org_id)
    )


def _paged(query: Select[*tuple[Any, ...]], page: Slice) -> Select[*tuple[Any, ...]]:
    return paging.apply(query, page, at=Enrollment.enrolled_at, key=Enrollment.enrollment_id)

"""Where a thing lives and what a user is there. The only queries that take a bare id; permission alone asks them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.models import Class, Enrollment, Invitation, InviteCode, Membership, Org, Partner, Student

_ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class OrgPlace:
    """`roles`: in the org and in its partners; `active_roles`: without those in partners that are not active.

    `partner_ids`: the active partners in which the user has a role.
    """

    org_id: UUID
    is_active: bool
    roles: frozenset[str]
    active_roles: frozenset[str]
    partner_ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class PartnerPlace:
    """`roles`: in the partner and in the org as a whole."""

    org_id: UUID
    partner_id: UUID
    is_org_active: bool
    is_active: bool
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClassPlace:
    """`is_active`: whether the class's partner is."""

    org_id: UUID
    partner_id: UUID
    class_id: UUID
    is_org_active: bool
    is_active: bool
    roles: frozenset[str]
    is_student: bool


@dataclass(frozen=True, slots=True)
class EnrollmentPlace:
    """`user_id`: the student's."""

    class_id: UUID
    student_id: UUID
    user_id: UUID


async def find_org(session: AsyncSession, org_id: UUID, *, user_id: UUID) -> OrgPlace | None:
    held = and_(Membership.org_id == Org.org_id, _held_by(user_id))
    query = (
        select(Org.status, Membership.role, Membership.partner_id, Partner.status.label("partner_status"))
        .select_from(Org)
        .outerjoin(Membership, held)
        .outerjoin(Partner, Partner.partner_id == Membership.partner_id)
    )
    rows = (await session.execute(query.where(Org.org_id == org_id))).all()
    if not rows:
        return None
    open_ = [row for row in rows if row.partner_status in (None, _ACTIVE)]
    return OrgPlace(
        org_id=org_id,
        is_active=rows[0].status == _ACTIVE,
        roles=_roles(row.role for row in rows),
        active_roles=_roles(row.role for row in open_),
        partner_ids=frozenset(row.partner_id for row in open_ if row.partner_id is not None),
    )


async def find_partner(session: AsyncSession, partner_id: UUID, *, user_id: UUID) -> PartnerPlace | None:
    reaching = _reaching(Partner.org_id, Partner.partner_id, user_id)
    query = (
        select(Partner.org_id, Partner.status, Org.status.label("org_status"), Membership.role)
        .select_from(Partner)
        .join(Org, Org.org_id == Partner.org_id)
        .outerjoin(Membership, reaching)
    )
    rows = (await session.execute(query.where(Partner.partner_id == partner_id))).all()
    if not rows:
        return None
    return PartnerPlace(
        org_id=rows[0].org_id,
        partner_id=partner_id,
        is_org_active=rows[0].org_status == _ACTIVE,
        is_active=rows[0].status == _ACTIVE,
        roles=_roles(row.role for row in rows),
    )


async def find_class(session: AsyncSession, class_id: UUID, *, user_id: UUID) -> ClassPlace | None:
    reaching = _reaching(Class.org_id, Class.partner_id, user_id)
    is_student = (
        exists()
        .where(Enrollment.class_id == Class.class_id, Enrollment.status == _ACTIVE)
        .where(Student.student_id == Enrollment.student_id, Student.user_id == user_id, Class.status != "draft")
    )
    query = (
        select(
            Class.org_id,
            Class.partner_id,
            Org.status.label("org_status"),
            Partner.status,
            Membership.role,
            is_student.label("is_student"),
        )
        .select_from(Class)
        .join(Org, Org.org_id == Class.org_id)
        .join(Partner, Partner.partner_id == Class.partner_id)
        .outerjoin(Membership, reaching)
    )
    rows = (await session.execute(query.where(Class.class_id == class_id))).all()
    if not rows:
        return None
    return ClassPlace(
        org_id=rows[0].org_id,
        partner_id=rows[0].partner_id,
        class_id=class_id,
        is_org_active=rows[0].org_status == _ACTIVE,
        is_active=rows[0].status == _ACTIVE,
        roles=_roles(row.role for row in rows),
        is_student=rows[0].is_student,
    )


async def find_enrollment(session: AsyncSession, enrollment_id: UUID) -> EnrollmentPlace | None:
    query = select(Enrollment.class_id, Enrollment.student_id, Student.user_id).join(
        Student, Student.student_id == Enrollment.student_id
    )
    row = (await session.execute(query.where(Enrollment.enrollment_id == enrollment_id))).one_or_none()
    return EnrollmentPlace(*row) if row else None


async def find_invite(session: AsyncSession, code_hash: bytes) -> InviteCode | None:
    return (await session.execute(select(InviteCode).where(InviteCode.code_hash == code_hash))).scalar_one_or_none()


async def find_invitation(session: AsyncSession, token_hash: bytes) -> Invitation | None:
    return (await session.execute(select(Invitation).where(Invitation.token_hash == token_hash))).scalar_one_or_none()


async def is_active(session: AsyncSession, org_id: UUID, partner_id: UUID | None) -> bool:
    """Whether the org and, where there is one, its partner are."""
    query = select(exists().where(Org.org_id == org_id, Org.status == _ACTIVE))
    if partner_id is not None:
        active = (Partner.partner_id == partner_id, Partner.org_id == org_id, Partner.status == _ACTIVE)
        query = query.where(exists().where(*active))
    return bool((await session.execute(query)).scalar_one_or_none())


async def is_class_of(session: AsyncSession, class_id: UUID, *, org_id: UUID, partner_id: UUID | None) -> bool:
    """`partner_id` None: of any partner of the org."""
    query = exists().where(Class.class_id == class_id, Class.org_id == org_id)
    if partner_id is not None:
        query = query.where(Class.partner_id == partner_id)
    return (await session.execute(select(query))).scalar_one()


async def holds_together(session: AsyncSession, org_id: UUID, partner_id: UUID | None, class_id: UUID | None) -> bool:
    """Whether there is such an org, with that partner, with that class."""
    query = select(exists().where(Org.org_id == org_id))
    if partner_id is not None:
        query = query.where(exists().where(Partner.partner_id == partner_id, Partner.org_id == org_id))
    if class_id is not None:
        there = (Class.class_id == class_id, Class.partner_id == partner_id, Class.org_id == org_id)
        query = query.where(exists().where(*there))
    return bool((await session.execute(query)).scalar_one_or_none())


async def orgs_of(session: AsyncSession, class_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """By class, those that there are."""
    query = select(Class.class_id, Class.org_id).where(Class.class_id.in_(class_ids))
    return {row.class_id: row.org_id for row in await session.execute(query)}


async def ever_worked_for(session: AsyncSession, org_id: UUID, user_id: UUID) -> bool:
    """In the org or in one of its partners, whether or not they still do."""
    query = exists().where(Membership.org_id == org_id, Membership.user_id == user_id)
    return (await session.execute(select(query))).scalar_one()


async def ever_had_part(session: AsyncSession, org_id: UUID, class_id: UUID, *, user_id: UUID) -> bool:
    """As the org's staff or as the class's student, whether or not they still have."""
    staff = exists().where(Membership.user_id == user_id, Membership.org_id == org_id)
    student = (
        exists()
        .where(Enrollment.class_id == class_id, Enrollment.student_id == Student.student_id)
        .where(Student.user_id == user_id)
    )
    return bool((await session.execute(select(staff | student))).scalar_one())


def _held_by(user_id: UUID) -> ColumnElement[bool]:
    return and_(Membership.user_id == user_id, Membership.revoked_at.is_(None))


def _reaching(
    org_id: SQLColumnExpression[UUID], partner_id: SQLColumnExpression[UUID], user_id: UUID
) -> ColumnElement[bool]:
    """A role in the partner itself, or in its org as a whole."""
    return and_(
        _held_by(user_id),
        Membership.org_id == org_id,
        Membership.partner_id.is_(None) | (Membership.partner_id == partner_id),
    )


def _roles(found: Iterable[str | None]) -> frozenset[str]:
    return frozenset(role for role in found if role is not None)

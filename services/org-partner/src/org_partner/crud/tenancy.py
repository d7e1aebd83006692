"""Where a thing lives and what a user is there. The only queries that take a bare id; permission alone asks them."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.models import Class, Enrollment, InviteCode, Membership, Org, Partner, Student


@dataclass(frozen=True, slots=True)
class OrgPlace:
    """`partner_ids`: the partners in which the user has a role; `roles`: in the org and in those."""

    org_id: UUID
    roles: frozenset[str]
    partner_ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class PartnerPlace:
    org_id: UUID
    partner_id: UUID
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClassPlace:
    org_id: UUID
    partner_id: UUID
    class_id: UUID
    roles: frozenset[str]
    is_student: bool


async def find_org(session: AsyncSession, org_id: UUID, *, user_id: UUID) -> OrgPlace | None:
    membership = and_(Membership.org_id == Org.org_id, Membership.user_id == user_id)
    query = select(Membership.role, Membership.partner_id).select_from(Org).outerjoin(Membership, membership)
    rows = (await session.execute(query.where(Org.org_id == org_id))).all()
    if not rows:
        return None
    partner_ids = frozenset(row.partner_id for row in rows if row.partner_id is not None)
    return OrgPlace(org_id, _roles(row.role for row in rows), partner_ids)


async def find_partner(session: AsyncSession, partner_id: UUID, *, user_id: UUID) -> PartnerPlace | None:
    reaching = _reaching(Partner.org_id, Partner.partner_id, user_id)
    query = select(Partner.org_id, Membership.role).select_from(Partner).outerjoin(Membership, reaching)
    rows = (await session.execute(query.where(Partner.partner_id == partner_id))).all()
    return PartnerPlace(rows[0].org_id, partner_id, _roles(row.role for row in rows)) if rows else None


async def find_class(session: AsyncSession, class_id: UUID, *, user_id: UUID) -> ClassPlace | None:
    reaching = _reaching(Class.org_id, Class.partner_id, user_id)
    is_student = (
        exists()
        .where(Enrollment.class_id == Class.class_id, Enrollment.status == "active")
        .where(Student.student_id == Enrollment.student_id, Student.user_id == user_id)
    )
    query = select(Class.org_id, Class.partner_id, Membership.role, is_student.label("is_student"))
    query = query.select_from(Class).outerjoin(Membership, reaching).where(Class.class_id == class_id)
    rows = (await session.execute(query)).all()
    if not rows:
        return None
    return ClassPlace(
        rows[0].org_id, rows[0].partner_id, class_id, _roles(row.role for row in rows), rows[0].is_student
    )


async def find_invite(session: AsyncSession, code_hash: bytes) -> InviteCode | None:
    return (await session.execute(select(InviteCode).where(InviteCode.code_hash == code_hash))).scalar_one_or_none()


def _reaching(
    org_id: SQLColumnExpression[UUID], partner_id: SQLColumnExpression[UUID], user_id: UUID
) -> ColumnElement[bool]:
    """A role in the partner itself, or in its org as a whole."""
    return and_(
        Membership.user_id == user_id,
        Membership.org_id == org_id,
        Membership.partner_id.is_(None) | (Membership.partner_id == partner_id),
    )


def _roles(found: Iterable[str | None]) -> frozenset[str]:
    return frozenset(role for role in found if role is not None)

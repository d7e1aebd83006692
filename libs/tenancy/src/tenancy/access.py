"""What one person may reach, from the projection. Default deny: what is not here is not allowed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    bindparam,
    exists,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.org_partner import Role
from contracts.tenancy import Tenant
from tenancy.tables import TenancyTables
from tenancy.teaching import TEACHING


@dataclass(frozen=True)
class ClassPlace:
    """A class that the person is in. `teaches`: as the partner's staff or the org's admin, not as a student."""

    class_id: UUID
    org_id: UUID
    partner_id: UUID
    is_open: bool
    teaches: bool


@dataclass(frozen=True)
class Access:
    """Only `access_of` makes one; whoever holds it may reach these classes and no others."""

    user_id: UUID
    classes: Mapping[UUID, ClassPlace]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The labels that documents carry for their readers."""
        return (user_scope(self.user_id), *(class_scope(class_id) for class_id in self.classes))

    def tenant(self, class_id: UUID | None) -> Tenant | None:
        """Whose work something in this class is; None when the person is not in it or it is closed."""
        if class_id is None:
            return Tenant(user_id=self.user_id)
        place = self.classes.get(class_id)
        if place is None or not place.is_open:
            return None
        return Tenant(org_id=place.org_id, partner_id=place.partner_id, class_id=class_id, user_id=self.user_id)


def user_scope(user_id: UUID) -> str:
    return f"user:{user_id}"


def class_scope(class_id: UUID) -> str:
    return f"class:{class_id}"


async def access_of(session: AsyncSession, tables: TenancyTables, user_id: UUID) -> Access:
    places: dict[UUID, ClassPlace] = {}
    for row in await session.execute(_places(tables), {"user_id": user_id}):
        teaches = row.role != Role.STUDENT.value
        known = places.get(row.class_id)
        teaches = teaches or (known is not None and known.teaches)
        places[row.class_id] = ClassPlace(row.class_id, row.org_id, row.partner_id, row.is_open, teaches)
    return Access(user_id, places)


async def classes_by_id(
    session: AsyncSession, tables: TenancyTables, class_ids: Collection[UUID]
) -> dict[UUID, ClassPlace]:
    """Where those of the classes are that are known, whoever is in them."""
    class_ = tables.classes.c
    query = select(class_.class_id, class_.org_id, class_.partner_id, class_.is_open).where(
        class_.class_id.in_(class_ids)
    )
    found = [ClassPlace(*row, teaches=False) for row in await session.execute(query)] if class_ids else []
    return {place.class_id: place for place in found}


@dataclass(frozen=True)
class Staff:
    """A role that lets somebody teach, in a partner or, with `partner_id` absent, in the whole org."""

    user_id: UUID
    partner_id: UUID | None
    is_active: bool

    def teaches_at(self, partner_id: UUID) -> bool:
        return self.is_active and self.partner_id in (None, partner_id)


async def staff_of(
    session: AsyncSession, tables: TenancyTables, *, org_id: UUID, user_ids: Collection[UUID]
) -> list[Staff]:
    """Which of these people teach in the org, or once did."""
    membership = tables.memberships.c
    teaching = or_(
        and_(membership.role == Role.ORG_ADMIN.value, membership.partner_id.is_(None)),
        and_(membership.role.in_(TEACHING), membership.partner_id.is_not(None)),
    )
    query = select(membership.user_id, membership.partner_id, membership.is_active).where(
        membership.org_id == org_id, membership.user_id.in_(user_ids), teaching
    )
    return [Staff(*row) for row in await session.execute(query)]


@cache
def _places(tables: TenancyTables) -> CompoundSelect[tuple[UUID, UUID, UUID, bool, str]]:
    """The person's memberships, each with the classes that it reaches. Built once: it stands before every request.

    One arm for each way to a class, so that each has an index of its own: in one join with all of them, PostgreSQL
    reads every class of the org, for a student of one too. None reaches beyond the membership's own org.
    """
    membership, class_ = tables.memberships.c, tables.classes.c
    # Whoever suspends an org suspends all that is below it, at once.
    tenant = tables.tenants.c
    suspended = exists().where(tenant.tenant_id.in_((class_.org_id, class_.partner_id)), ~tenant.is_active)

    def way(role: ColumnElement[bool], to: ColumnElement[bool]) -> Select[tuple[UUID, UUID, UUID, bool, str]]:
        return (
            select(class_.class_id, class_.org_id, class_.partner_id, class_.is_open, membership.role)
            .join_from(tables.memberships, tables.classes, and_(membership.org_id == class_.org_id, to))
            .where(membership.user_id == bindparam("user_id"), membership.is_active, role, ~suspended)
        )

    return union_all(
        way(membership.class_id.is_not(None), membership.class_id == class_.class_id),
        way(membership.role.in_(TEACHING), membership.partner_id == class_.partner_id),
        way(membership.role == Role.ORG_ADMIN.value, true()),
    )

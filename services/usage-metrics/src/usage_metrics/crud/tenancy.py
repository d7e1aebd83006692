from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from usage_metrics.models import TENANCY


async def list_memberships(session: AsyncSession, user_id: UUID) -> Sequence[Row[Any]]:
    """Also the ended ones; columns as in `tenancy.tables`, and `is_suspended`: by its org or its partner."""
    memberships, tenants = TENANCY.memberships, TENANCY.tenants.c
    places = (memberships.c.org_id, memberships.c.partner_id)
    suspended = exists().where(tenants.tenant_id.in_(places), ~tenants.is_active).label("is_suspended")
    query = select(memberships, suspended).where(memberships.c.user_id == user_id)
    return (await session.execute(query)).all()


async def delete_memberships(session: AsyncSession, user_id: UUID) -> int:
    table = TENANCY.memberships
    statement = delete(table).where(table.c.user_id == user_id).returning(table.c.membership_id)
    return len((await session.execute(statement)).all())


async def count_memberships(session: AsyncSession, user_id: UUID) -> int:
    table = TENANCY.memberships
    return (await session.execute(select(func.count()).where(table.c.user_id == user_id))).scalar_one()


async def get_class(session: AsyncSession, class_id: UUID) -> Row[Any] | None:
    classes = TENANCY.classes
    return (await session.execute(select(classes).where(classes.c.class_id == class_id))).one_or_none()


async def is_partner_of(session: AsyncSession, partner_id: UUID, org_ids: Collection[UUID]) -> bool:
    """Whether the partner belongs to one of the orgs, by what was told of it, its classes or its people."""
    partners = (TENANCY.tenants.c.tenant_id, TENANCY.classes.c.partner_id, TENANCY.memberships.c.partner_id)
    # An org has a line of its own among the tenants, and is no partner.
    known = (
        exists().where(column == partner_id, column.table.c.org_id.in_(org_ids), column != column.table.c.org_id)
        for column in partners
    )
    return bool((await session.execute(select(or_(*known)))).scalar_one())

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from usage_metrics.models import TENANCY


async def list_memberships(session: AsyncSession, user_id: UUID) -> Sequence[Row[Any]]:
    """Also the ended ones; columns as in `tenancy.tables`."""
    memberships = TENANCY.memberships
    return (await session.execute(select(memberships).where(memberships.c.user_id == user_id))).all()


async def get_class(session: AsyncSession, class_id: UUID) -> Row[Any] | None:
    classes = TENANCY.classes
    return (await session.execute(select(classes).where(classes.c.class_id == class_id))).one_or_none()


async def is_partner_of(session: AsyncSession, partner_id: UUID, org_ids: Collection[UUID]) -> bool:
    """Whether the partner belongs to one of the orgs, as far as its classes and memberships tell."""
    known = (
        exists().where(table.c.partner_id == partner_id, table.c.org_id.in_(org_ids))
        for table in (TENANCY.classes, TENANCY.memberships)
    )
    return bool((await session.execute(select(or_(*known)))).scalar_one())

from collections.abc import Collection, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from usage_metrics.models import Class, Membership


async def update_membership(session: AsyncSession, *, version: int, **values: Any) -> None:
    await projection.upsert(session, cast("Table", Membership.__table__), version=version, **values)


async def update_class(session: AsyncSession, *, version: int, **values: Any) -> None:
    await projection.upsert(session, cast("Table", Class.__table__), version=version, **values)


async def update_missing_name(session: AsyncSession, class_id: UUID, *, name: str) -> None:
    await session.execute(update(Class).where(Class.class_id == class_id, Class.name.is_(None)).values(name=name))


async def list_memberships(session: AsyncSession, user_id: UUID) -> Sequence[Membership]:
    """Also the ended ones."""
    return (await session.execute(select(Membership).where(Membership.user_id == user_id))).scalars().all()


async def get_class(session: AsyncSession, class_id: UUID) -> Class | None:
    return await session.get(Class, class_id)


async def is_partner_of(session: AsyncSession, partner_id: UUID, org_ids: Collection[UUID]) -> bool:
    """Whether the partner belongs to one of the orgs, as far as its classes and memberships tell."""
    known = (exists().where(table.partner_id == partner_id, table.org_id.in_(org_ids)) for table in (Class, Membership))
    return bool((await session.execute(select(or_(*known)))).scalar_one())

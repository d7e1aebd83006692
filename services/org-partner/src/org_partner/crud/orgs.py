from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import OrgScope, OwnScope, PartnerScope, PlatformScope
from org_partner.models import Class, Membership, Org, Partner


@dataclass(frozen=True, slots=True)
class Filter:
    """`name`: a part of it, in whatever case."""

    name: str | None = None
    status: str | None = None


async def add(session: AsyncSession, _scope: PlatformScope, *, org_id: UUID, name: str) -> Org:
    statement = insert(Org).values(org_id=org_id, name=name).returning(Org)
    return (await session.execute(statement)).scalar_one()


async def get(session: AsyncSession, scope: OrgScope) -> Org:
    return await session.get_one(Org, scope.org_id)


async def lock(session: AsyncSession, scope: OrgScope) -> Org:
    """As it is once everybody who changes it is done; until the end of the transaction nobody else does."""
    return await session.get_one(Org, scope.org_id, with_for_update={"key_share": True}, populate_existing=True)


async def update_changed(session: AsyncSession, scope: OrgScope, **values: Any) -> Org:
    """With its next version."""
    statement = update(Org).where(Org.org_id == scope.org_id).values(version=Org.version + 1, **values).returning(Org)
    return (await session.execute(statement, execution_options={"populate_existing": True})).scalar_one()


async def list_for_scope(
    session: AsyncSession, scope: PlatformScope | OwnScope, page: Slice, wanted: Filter
) -> Sequence[Org]:
    query = select(Org)
    if isinstance(scope, OwnScope):
        held = select(Membership.org_id).where(Membership.user_id == scope.user_id, Membership.revoked_at.is_(None))
        query = query.where(Org.org_id.in_(held))
    if wanted.name is not None:
        query = query.where(Org.name.icontains(wanted.name, autoescape=True))
    if wanted.status is not None:
        query = query.where(Org.status == wanted.status)
    return (await session.execute(paging.apply(query, page, at=Org.created_at, key=Org.org_id))).scalars().all()


async def count_open_classes(session: AsyncSession, scope: OrgScope) -> int:
    """Those that have begun or shall begin."""
    query = select(func.count()).select_from(Class).where(Class.org_id == scope.org_id, Class.status == "open")
    return (await session.execute(query)).scalar_one()


async def get_place_name(session: AsyncSession, scope: OrgScope | PartnerScope, partner_id: UUID | None) -> str:
    """As people call it: the org, or the org and its partner."""
    org = await session.get_one(Org, scope.org_id)
    partner = await session.get_one(Partner, partner_id) if partner_id else None
    return f"{org.name} · {partner.name}" if partner else org.name

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.orgs import Filter
from org_partner.crud.scopes import InvitationScope, OrgScope, PartnerScope
from org_partner.models import Class, LlmSettings, Partner


async def add(session: AsyncSession, scope: OrgScope, *, partner_id: UUID, name: str) -> Partner:
    statement = insert(Partner).values(partner_id=partner_id, org_id=scope.org_id, name=name).returning(Partner)
    return (await session.execute(statement)).scalar_one()


async def get(session: AsyncSession, scope: PartnerScope) -> Partner:
    return await session.get_one(Partner, scope.partner_id)


async def hold(session: AsyncSession, scope: PartnerScope | InvitationScope) -> bool:
    """Until the end of the transaction it is in this org, whatever else becomes of it. False: it is in another."""
    query = select(Partner.partner_id).where(Partner.partner_id == scope.partner_id, Partner.org_id == scope.org_id)
    held = await session.execute(query.with_for_update(read=True, key_share=True))
    return held.scalar_one_or_none() is not None


async def lock(session: AsyncSession, scope: PartnerScope, *, whole: bool = False) -> Partner | None:
    """As it is once everybody who changes it is done; until the end of the transaction nobody else does.

    `whole`: nothing is put into it either. None: it is in another org by now.
    """
    query = select(Partner).where(Partner.partner_id == scope.partner_id, Partner.org_id == scope.org_id)
    query = query.with_for_update(key_share=not whole).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def update_changed(session: AsyncSession, scope: PartnerScope, **values: Any) -> Partner:
    """With its next version."""
    statement = update(Partner).where(Partner.partner_id == scope.partner_id, Partner.org_id == scope.org_id)
    statement = statement.values(version=Partner.version + 1, **values)
    result = await session.execute(statement.returning(Partner), execution_options={"populate_existing": True})
    return result.scalar_one()


async def is_in_use(session: AsyncSession, scope: PartnerScope) -> bool:
    """Whether something of it is bound to its org: classes, and settings, whose key is sealed for the org.

    Cleared settings hold nothing, and so bind nothing.
    """
    classes = exists().where(Class.partner_id == scope.partner_id)
    held = or_(
        LlmSettings.base_url.is_not(None),
        LlmSettings.model.is_not(None),
        LlmSettings.allowed_models != [],
        LlmSettings.price_override != {},
    )
    settings = exists().where(LlmSettings.partner_id == scope.partner_id, held)
    return (await session.execute(select(classes | settings))).scalar_one()


async def list_for_org(session: AsyncSession, scope: OrgScope, page: Slice, wanted: Filter) -> Sequence[Partner]:
    query = select(Partner).where(Partner.org_id == scope.org_id)
    if scope.partner_ids is not None:
        query = query.where(Partner.partner_id.in_(scope.partner_ids))
    if wanted.name is not None:
        query = query.where(Partner.name.icontains(wanted.name, autoescape=True))
    if wanted.status is not None:
        query = query.where(Partner.status == wanted.status)
    query = paging.apply(query, page, at=Partner.created_at, key=Partner.partner_id)
    return (await session.execute(query)).scalars().all()

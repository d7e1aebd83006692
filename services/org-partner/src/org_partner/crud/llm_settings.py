from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import ClassScope, OrgScope, PartnerScope
from org_partner.models import LlmSettings


async def list_levels(session: AsyncSession, scope: OrgScope | PartnerScope | ClassScope) -> Sequence[LlmSettings]:
    """The org's own settings, then those of the scope's partner; each only where there are any."""
    here: ColumnElement[bool] = LlmSettings.partner_id.is_(None)
    if not isinstance(scope, OrgScope):
        here |= LlmSettings.partner_id == scope.partner_id
    query = select(LlmSettings).where(LlmSettings.org_id == scope.org_id, here)
    return (await session.execute(query.order_by(LlmSettings.partner_id.nulls_first()))).scalars().all()

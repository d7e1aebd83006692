"""A place that stays where it is while something is put in it: partners can be moved into another org."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Conflict
from org_partner.crud import partners
from org_partner.crud.scopes import InvitationScope, OrgScope, PartnerScope
from org_partner.errors import PARTNER_MOVED
from org_partner.models import Partner


async def lock(session: AsyncSession, scope: PartnerScope, *, whole: bool = False) -> Partner:
    """To change the partner itself; `whole`: so that nothing is put into it either.

    Raises:
        Conflict: it has been moved since the caller was let in.
    """
    partner = await partners.lock(session, scope, whole=whole)
    if partner is None:
        raise Conflict(PARTNER_MOVED)
    return partner


async def hold(session: AsyncSession, scope: OrgScope | PartnerScope | InvitationScope) -> None:
    """Until the end of the transaction nobody moves the partner. Before anything else is locked that moves with it.

    Raises:
        Conflict: it has been moved since the caller was let in.
    """
    if isinstance(scope, OrgScope) or scope.partner_id is None:
        return
    if not await partners.hold(session, scope):
        raise Conflict(PARTNER_MOVED)

"""The levels at which LLM settings are set, and who may see and change them there."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.auth import Principal
from chassis.errors import Forbidden
from org_partner.crud.scopes import OrgScope, PartnerScope
from org_partner.errors import LLM_ADDRESS_BY_ADMIN, ROLE_INSUFFICIENT
from org_partner.service import permission


@dataclass(frozen=True, slots=True)
class AtOrg:
    org_id: UUID


@dataclass(frozen=True, slots=True)
class AtPartner:
    partner_id: UUID


Level = AtOrg | AtPartner


async def for_reading(session: AsyncSession, caller: Principal, level: Level) -> OrgScope | PartnerScope:
    """
    Raises:
        NotFound: no such org or partner for the caller.
        Forbidden: the caller neither administers the org nor teaches in the partner.
    """
    if isinstance(level, AtOrg):
        return await permission.in_org(session, caller, level.org_id, allowed=permission.ADMINISTER)
    return await permission.in_partner(session, caller, level.partner_id, allowed=permission.TEACH)


async def for_writing(session: AsyncSession, caller: Principal, level: Level) -> OrgScope | PartnerScope:
    """
    Raises:
        NotFound: no such org or partner for the caller.
        Forbidden: the caller neither administers the org nor owns the partner.
    """
    if isinstance(level, AtOrg):
        return await permission.in_org(session, caller, level.org_id, allowed=permission.ADMINISTER)
    return await permission.in_partner(session, caller, level.partner_id, allowed=permission.OWN)


async def for_addressing(session: AsyncSession, caller: Principal, level: Level) -> OrgScope | PartnerScope:
    """For where questions go, with whose key and at what price: what is connected to, and what the org answers for.

    Raises:
        NotFound: no such org or partner for the caller.
        Forbidden: the caller does not administer the org.
    """
    if isinstance(level, AtOrg):
        return await for_writing(session, caller, level)
    try:
        return await permission.in_partner(session, caller, level.partner_id, allowed=permission.ADMINISTER)
    except Forbidden as error:
        if error.message is ROLE_INSUFFICIENT:
            raise Forbidden(LLM_ADDRESS_BY_ADMIN) from error
        raise

"""Who may see which usage and which audit events. Default deny; the proof made here is what every query asks for.

A supervisor sees all, an org's admin the org, everyone what is their own. Of a partner, its owner, instructors and
assistants see the usage, and its owner alone sees the audit events. A tenant that the caller has no part in is answered
like one that does not exist, and so is a suspended one to those who work in it.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.auth import Principal
from chassis.errors import NotFound
from contracts.org_partner import Role
from tenancy.teaching import TEACHING
from usage_metrics.crud import tenancy
from usage_metrics.crud.reach import Asked, AuditReach, Reach
from usage_metrics.errors import TENANT_NOT_FOUND


async def reach_of(session: AsyncSession, caller: Principal, asked: Asked) -> Reach:
    """
    Raises:
        NotFound: the caller may not name the org, partner or class, or there is none.
    """
    if caller.is_supervisor:
        return Reach(user_id=caller.user_id, only=asked, everything=True)
    standing = await _standing(session, caller, asked)
    return Reach(user_id=caller.user_id, only=asked, org_ids=standing.led_orgs, partner_ids=standing.taught_partners)


async def audit_reach_of(session: AsyncSession, caller: Principal, asked: Asked) -> AuditReach:
    """Raises as `reach_of` does."""
    if caller.is_supervisor:
        return AuditReach(user_id=caller.user_id, only=asked, everything=True)
    standing = await _standing(session, caller, asked)
    return AuditReach(
        user_id=caller.user_id, only=asked, org_ids=standing.led_orgs, partner_ids=standing.owned_partners
    )


class _Standing:
    """What the caller's memberships and enrolments allow: some tenants may be seen whole, others only named.

    An ended enrolment still lets a student name the class, because what lies there stays their own. An ended membership
    allows nothing. Whatever an org's or a partner's suspension reaches has ended for as long as it lasts; an org's
    admin still sees a suspended partner.
    """

    def __init__(self, memberships: Sequence[Row[Any]]) -> None:
        active = [m for m in memberships if m.is_active and not m.is_suspended]
        kept = [*active, *(m for m in memberships if m.class_id is not None)]
        self.led_orgs = frozenset(m.org_id for m in active if m.role == Role.ORG_ADMIN and m.partner_id is None)
        self.taught_partners = frozenset(m.partner_id for m in active if m.partner_id and m.role in TEACHING)
        self.owned_partners = frozenset(m.partner_id for m in active if m.partner_id and m.role == Role.PARTNER_OWNER)
        self.orgs = {m.org_id for m in kept}
        self.partners = {m.partner_id for m in kept if m.partner_id}
        self.classes = {m.class_id for m in kept if m.class_id}


async def _standing(session: AsyncSession, caller: Principal, asked: Asked) -> _Standing:
    standing = _Standing(await tenancy.list_memberships(session, caller.user_id))
    if asked.org_id is not None and asked.org_id not in standing.orgs:
        raise NotFound(TENANT_NOT_FOUND, field="org_id")
    if asked.partner_id is not None and not await _may_name_partner(session, standing, asked.partner_id):
        raise NotFound(TENANT_NOT_FOUND, field="partner_id")
    if asked.class_id is not None and not await _may_name_class(session, standing, asked.class_id):
        raise NotFound(TENANT_NOT_FOUND, field="class_id")
    return standing


async def _may_name_partner(session: AsyncSession, standing: _Standing, partner_id: UUID) -> bool:
    if partner_id in standing.partners:
        return True
    return bool(standing.led_orgs) and await tenancy.is_partner_of(session, partner_id, standing.led_orgs)


async def _may_name_class(session: AsyncSession, standing: _Standing, class_id: UUID) -> bool:
    if class_id in standing.classes:
        return True
    class_ = await tenancy.get_class(session, class_id)
    return class_ is not None and (class_.org_id in standing.led_orgs or class_.partner_id in standing.taught_partners)

"""Keeps the projection of who is what where, from org-partner's facts: it decides what is asked of a login."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, tenant
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.event import Event
from contracts.org_partner import MembershipGranted
from identity.crud import factors, memberships, users
from identity.models import TENANCY
from identity.service import changes
from identity.service.tiers import Tiers, highest
from tenancy.projection import project


class TenancyService:
    def __init__(self, database: Database, tiers: Tiers) -> None:
        self._database = database
        self._tiers = tiers

    async def project(self, event: Event, *, once: Delivery) -> None:
        required = await self._tiers.required()
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            if not isinstance(event, MembershipGranted) or not required:
                await project(session, TENANCY, event, attempt=once.attempt)
                return
            before = await memberships.list_roles(session, event.user_id)
            await project(session, TENANCY, event, attempt=once.attempt)
            await _demand(session, event.user_id, before, required)


async def _demand(session: AsyncSession, user_id: UUID, before: frozenset[str], required: frozenset[str]) -> None:
    """A role that asks for a second factor does so at once: access tokens end, and the next are for setting one up."""
    user = await users.get(session, user_id)
    if user is None or await factors.is_enrolled(session, user_id):
        return
    roles = await memberships.list_roles(session, user_id)
    if highest(user.tier, roles) not in required or highest(user.tier, before) in required:
        return
    user = await users.lock(session, user_id)
    if user is None:
        return
    await changes.end_tokens(session, user)
    await changes.announce(session, user)
    await audit.record(session, "mfa.demanded", actor=None, target=f"user/{user_id}", tier=highest(user.tier, roles))

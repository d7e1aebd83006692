from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict, Locale
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.org_partner import PartnerChanged, PartnerCreated, Role, TenantStatus
from org_partner.crud import invitations, partners
from org_partner.crud import memberships as rows
from org_partner.crud.orgs import Filter
from org_partner.crud.scopes import PartnerScope
from org_partner.errors import PARTNER_IN_USE, VERSION_STALE
from org_partner.models import Partner
from org_partner.service import acts, invitation_events, memberships, permission, places
from org_partner.service.invitations import InvitationService


class PartnerService:
    def __init__(self, database: Database, invitations: InvitationService) -> None:
        self._database = database
        self._invitations = invitations

    async def create(
        self, caller: Principal, org_id: UUID, *, name: str, owner_email: str, invite_in: Locale | None = None
    ) -> Partner:
        """Make a partner and its owner, in one step.

        `invite_in`: the owner is not made one at once, but gets an invitation in this language.

        Raises:
            NotFound: no such org for the caller, or no such user.
            Conflict: the user has not verified the address.
            Forbidden: the caller does not administer the org.
            Invalid: the org takes members of its own domains alone.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            owner = None if invite_in else await memberships.find_user(session, owner_email)
            partner = await partners.add(session, scope, partner_id=new_id(), name=name)
            await outbox.add(
                session,
                PartnerCreated(
                    partner_id=partner.partner_id,
                    org_id=partner.org_id,
                    name=partner.name,
                    version=partner.version,
                    created_at=partner.created_at,
                ),
            )
            inside = permission.over_new_partner(scope, partner)
            await acts.record(session, caller, "partner.created", inside, target=f"partner/{partner.partner_id}")
            if owner is not None:
                await memberships.grant(session, caller, inside, owner, Role.PARTNER_OWNER)
            elif invite_in is not None:
                await self._invitations.invite(
                    session, caller, inside, email=owner_email, role=Role.PARTNER_OWNER, locale=invite_in
                )
        return partner

    async def list_for_org(
        self, caller: Principal, org_id: UUID, page: Slice, *, name: str | None = None, status: str | None = None
    ) -> Sequence[Partner]:
        """All of them for who administers the org, their own active ones for a partner's staff.

        `name`: a part of it.

        Raises:
            NotFound: no such org, or the caller has no role in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ASSIST)
            return await partners.list_for_org(session, scope, page, Filter(name, status))

    async def get(self, caller: Principal, partner_id: UUID) -> Partner:
        """
        Raises:
            NotFound: no such partner, or the caller has no role in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.ASSIST)
            return await partners.get(session, scope)

    async def update(
        self, caller: Principal, partner_id: UUID, *, name: str | None = None, version: int | None = None
    ) -> Partner:
        """The name it has already, or none, is no change, and is not told.

        Raises:
            NotFound: no such partner for the caller.
            Forbidden: the caller does not own it.
            Conflict: `version` is not the partner's any more, or the partner has just moved.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.OWN)
            partner = await places.lock(session, scope)
            if version not in (None, partner.version):
                raise Conflict(VERSION_STALE, current_version=partner.version)
            if name in (None, partner.name):
                return partner
            return await _change(session, caller, scope, "partner.updated", {"name": name}, fields=["name"])

    async def suspend(self, caller: Principal, partner_id: UUID, *, reason: str) -> Partner:
        """Acts at once on its classes. Again: nothing changes.

        Raises:
            NotFound: no such partner for the caller.
            Forbidden: the caller does not administer the org.
            Conflict: the partner has just moved.
        """
        status = TenantStatus.SUSPENDED
        return await self._set_status(caller, partner_id, "partner.suspended", status, reason)

    async def restore(self, caller: Principal, partner_id: UUID) -> Partner:
        """An active one stays as it is.

        Raises:
            NotFound: no such partner for the caller.
            Forbidden: the caller does not administer the org.
            Conflict: the partner has just moved.
        """
        return await self._set_status(caller, partner_id, "partner.restored", TenantStatus.ACTIVE, None)

    async def _set_status(
        self, caller: Principal, partner_id: UUID, action: str, status: TenantStatus, reason: str | None
    ) -> Partner:
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.ADMINISTER)
            partner = await places.lock(session, scope)
            if partner.status == status:
                return partner
            values = {"status": status.value, "status_reason": reason}
            return await _change(session, caller, scope, action, values)

    async def move(self, caller: Principal, partner_id: UUID, *, org_id: UUID) -> Partner:
        """Into another org, with its staff and the invitations to it. Where it is already: nothing changes.

        Raises:
            NotFound: no such partner for the caller, or no such org.
            Forbidden: the caller is no supervisor.
            Conflict: it has classes or LLM settings, which belong to its org (settings that were cleared do not count),
                or somebody else has just moved it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.SUPERVISE)
            into = await permission.in_org(session, caller, org_id, allowed=permission.SUPERVISE)
            # What is being put into it is waited for, and counts.
            partner = await places.lock(session, scope, whole=True)
            if partner.org_id == into.org_id:
                return partner
            if await partners.is_in_use(session, scope):
                raise Conflict(PARTNER_IN_USE)
            # Neither org is told of the other. A supervisor sees both entries, by the partner's id.
            moved = await _change(session, caller, scope, "partner.moved", {"org_id": into.org_id})
            there = permission.over_new_partner(into, moved)
            for membership in await rows.update_moved(session, there):
                await memberships.tell_granted(session, membership)
            for invitation in await invitations.update_moved(session, there):
                await invitation_events.sent(session, invitation)
            target = f"partner/{partner_id}"
            await acts.record(session, caller, "partner.received", there, target=target)
        return moved


async def _change(
    session: AsyncSession, caller: Principal, scope: PartnerScope, action: str, values: dict[str, Any], **detail: Any
) -> Partner:
    partner = await partners.update_changed(session, scope, **values)
    await outbox.add(
        session,
        PartnerChanged(
            partner_id=partner.partner_id,
            org_id=partner.org_id,
            name=partner.name,
            status=TenantStatus(partner.status),
            version=partner.version,
            changed_at=now(),
        ),
    )
    await acts.record(session, caller, action, scope, target=f"partner/{partner.partner_id}", **detail)
    return partner

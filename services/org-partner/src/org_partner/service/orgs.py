from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.org_partner import OrgChanged, OrgCreated, Role, TenantStatus
from org_partner.crud import org_domains, orgs
from org_partner.crud.scopes import OrgScope
from org_partner.errors import DOMAIN_NEEDED, ORG_CLOSED, ORG_HAS_OPEN_CLASSES, VERSION_STALE
from org_partner.models import Membership, Org
from org_partner.service import acts, memberships, permission


class OrgService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Principal, *, name: str) -> Org:
        """
        Raises:
            Forbidden: the caller is no supervisor.
        """
        platform = permission.on_platform(caller)
        async with self._database.transaction(tenant.of(caller)) as session:
            org = await orgs.add(session, platform, org_id=new_id(), name=name)
            event = OrgCreated(org_id=org.org_id, name=org.name, version=org.version, created_at=org.created_at)
            await outbox.add(session, event)
            scope = permission.over_new_org(platform, org)
            await acts.record(session, caller, "org.created", scope, target=f"org/{org.org_id}")
        return org

    async def list_visible(
        self, caller: Principal, page: Slice, *, name: str | None = None, status: str | None = None
    ) -> Sequence[Org]:
        """All of them for a supervisor; for others those in which, or in whose partners, they have a role.

        `name`: a part of it.
        """
        scope = permission.visible(caller)
        async with self._database.transaction(tenant.of(caller)) as session:
            return await orgs.list_for_scope(session, scope, page, orgs.Filter(name, status))

    async def get(self, caller: Principal, org_id: UUID) -> Org:
        """
        Raises:
            NotFound: no such org, or the caller has no role in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ASSIST)
            return await orgs.get(session, scope)

    async def update(
        self, caller: Principal, org_id: UUID, *, changes: dict[str, Any], version: int | None = None
    ) -> Org:
        """`changes`: of `name` and `members_only_from_domains`; what is so already is no change, and is not told.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller does not administer the org.
            Conflict: `version` is not the org's any more, or members shall be limited to domains that are not there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            org = await orgs.lock(session, scope)
            if version not in (None, org.version):
                raise Conflict(VERSION_STALE, current_version=org.version)
            if changes.get("members_only_from_domains") and not await org_domains.has_any(session, scope):
                raise Conflict(DOMAIN_NEEDED)
            new = {field: value for field, value in changes.items() if value != getattr(org, field)}
            return await _change(session, caller, scope, "org.updated", new, fields=sorted(new)) if new else org

    async def suspend(self, caller: Principal, org_id: UUID, *, reason: str) -> Org:
        """Acts at once on its partners and classes. Again: nothing changes.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller is no supervisor.
            Conflict: it is closed.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.SUPERVISE)
            org = await orgs.lock(session, scope)
            if org.status == TenantStatus.CLOSED:
                raise Conflict(ORG_CLOSED)
            if org.status == TenantStatus.SUSPENDED:
                return org
            new = {"status": TenantStatus.SUSPENDED.value, "status_reason": reason}
            return await _change(session, caller, scope, "org.suspended", new)

    async def restore(self, caller: Principal, org_id: UUID) -> Org:
        """From suspended or closed, as it was. An active one stays as it is.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller is no supervisor.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.SUPERVISE)
            org = await orgs.lock(session, scope)
            if org.status == TenantStatus.ACTIVE:
                return org
            new = {"status": TenantStatus.ACTIVE.value, "status_reason": None}
            return await _change(session, caller, scope, "org.restored", new)

    async def close(self, caller: Principal, org_id: UUID, *, reason: str, force: bool) -> Org:
        """For good, unless a supervisor restores it. Again: nothing changes.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller is no supervisor.
            Conflict: it has open classes, and `force` was not given.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.SUPERVISE)
            org = await orgs.lock(session, scope)
            if org.status == TenantStatus.CLOSED:
                return org
            open_classes = await orgs.count_open_classes(session, scope)
            if open_classes and not force:
                raise Conflict(ORG_HAS_OPEN_CLASSES, open_classes=open_classes)
            new = {"status": TenantStatus.CLOSED.value, "status_reason": reason}
            return await _change(session, caller, scope, "org.closed", new, open_classes=open_classes)

    async def add_admin(self, caller: Principal, org_id: UUID, *, email: str) -> Membership:
        """
        Raises:
            NotFound: no such org for the caller, or no such user.
            Conflict: the user has not verified the address.
            Forbidden: the caller does not administer the org.
            Invalid: the org takes members of its own domains alone.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            user = await memberships.find_user(session, email)
            return await memberships.grant(session, caller, scope, user, Role.ORG_ADMIN)


async def _change(
    session: AsyncSession, caller: Principal, scope: OrgScope, action: str, values: dict[str, Any], **detail: Any
) -> Org:
    org = await orgs.update_changed(session, scope, **values)
    await outbox.add(
        session,
        OrgChanged(
            org_id=org.org_id,
            name=org.name,
            status=TenantStatus(org.status),
            version=org.version,
            changed_at=now(),
        ),
    )
    await acts.record(session, caller, action, scope, target=f"org/{org.org_id}", **detail)
    return org

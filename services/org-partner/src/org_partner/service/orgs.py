from collections.abc import Sequence
from uuid import UUID

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.org_partner import OrgCreated, Role
from org_partner.crud import orgs
from org_partner.models import Membership, Org
from org_partner.service import memberships, permission


class OrgService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Principal, *, name: str) -> Org:
        """
        Raises:
            Forbidden: the caller is no supervisor.
        """
        scope = permission.on_platform(caller)
        async with self._database.transaction(tenant.of(caller)) as session:
            org = await orgs.add(session, scope, org_id=new_id(), name=name)
            event = OrgCreated(org_id=org.org_id, name=org.name, version=org.version, created_at=org.created_at)
            await outbox.add(session, event)
        return org

    async def list_visible(self, caller: Principal, page: Slice) -> Sequence[Org]:
        """All of them for a supervisor; for others those in which, or in whose partners, they have a role."""
        scope = permission.visible(caller)
        async with self._database.transaction(tenant.of(caller)) as session:
            return await orgs.list_for_scope(session, scope, page)

    async def get(self, caller: Principal, org_id: UUID) -> Org:
        """
        Raises:
            NotFound: no such org, or the caller has no role in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ASSIST)
            return await orgs.get(session, scope)

    async def add_admin(self, caller: Principal, org_id: UUID, *, email: str) -> Membership:
        """
        Raises:
            NotFound: no such org for the caller, or no such user.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            user = await memberships.find_user(session, email)
            return await memberships.grant(session, scope, user, Role.ORG_ADMIN)

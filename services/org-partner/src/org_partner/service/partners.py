from collections.abc import Sequence
from uuid import UUID

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.org_partner import PartnerCreated, Role
from org_partner.crud import partners
from org_partner.models import Partner
from org_partner.service import memberships, permission


class PartnerService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Principal, org_id: UUID, *, name: str, owner_email: str) -> Partner:
        """Make a partner and its owner, in one step.

        Raises:
            NotFound: no such org for the caller, or no such user.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            owner = await memberships.find_user(session, owner_email)
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
            await memberships.grant(session, inside, owner, Role.PARTNER_OWNER)
        return partner

    async def list_for_org(self, caller: Principal, org_id: UUID, page: Slice) -> Sequence[Partner]:
        """All of them for who administers the org, their own ones for a partner's staff.

        Raises:
            NotFound: no such org, or the caller has no role in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ASSIST)
            return await partners.list_for_org(session, scope, page)

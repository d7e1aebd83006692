"""Who somebody is at most, and whether the platform asks a second factor of them."""

from collections.abc import Collection
from uuid import UUID

from chassis import tenant
from chassis.auth import ENROL_SCOPE
from chassis.database import Database
from contracts.org_partner import Role
from contracts.platform import MfaTier
from identity.crud import factors, memberships
from identity.ports import Values

_PARTNERS = frozenset({Role.PARTNER_OWNER, Role.INSTRUCTOR, Role.ASSISTANT})


def highest(account_tier: str, roles: Collection[str]) -> MfaTier:
    """Roles in suspended orgs count as well: they may come back at any time."""
    if account_tier == MfaTier.SUPERVISOR:
        return MfaTier.SUPERVISOR
    if Role.ORG_ADMIN in roles:
        return MfaTier.ORG
    return MfaTier.PARTNER if _PARTNERS.intersection(roles) else MfaTier.USER


class Tiers:
    def __init__(self, database: Database, settings: Values) -> None:
        self._database = database
        self._settings = settings

    async def must_have_factor(self, user_id: UUID, *, tier: str) -> bool:
        required = await self.required()
        if not required:
            return False
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            return highest(tier, await memberships.list_roles(session, user_id)) in required

    async def restriction(self, user_id: UUID, *, tier: str, held: str | None = None) -> str | None:
        """What alone a session is good for; `held`: what it was until now.

        A session that was opened without a second factor stays as it is once the user has one: whoever opened it has
        not shown it. The one that set it up is freed there.
        """
        if held is None and not await self.required():
            return None
        async with self._database.transaction() as session:
            if await factors.is_enrolled(session, user_id):
                return held
        return ENROL_SCOPE if await self.must_have_factor(user_id, tier=tier) else None

    async def required(self) -> frozenset[str]:
        """The tiers that must have one."""
        return frozenset(await self._settings.value("security.mfa_required_tiers"))

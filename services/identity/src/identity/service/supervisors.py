"""Who is a supervisor: decided at the operator's command line alone."""

from chassis import audit
from chassis.database import Database
from chassis.errors import NotFound
from contracts.identity import Tier, UserStatus
from identity.crud import users
from identity.errors import NO_SUCH_ACCOUNT
from identity.service import changes

# Also somebody who is locked out for now must be able to lose the tier.
_MAY = {
    Tier.SUPERVISOR: {UserStatus.ACTIVE},
    Tier.USER: {UserStatus.ACTIVE, UserStatus.DEACTIVATED, UserStatus.SUSPENDED},
}


class SupervisorService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def grant(self, email: str) -> None:
        """Make an account a supervisor's. Its sessions end: its tokens still name the other tier.

        Raises:
            NotFound: no account that may log in has the address.
        """
        await self._set(email, Tier.SUPERVISOR, action="supervisor.granted")

    async def revoke(self, email: str) -> None:
        """
        Raises:
            NotFound: no account has the address.
            Conflict: it is the last supervisor.
        """
        await self._set(email, Tier.USER, action="supervisor.revoked")

    async def _set(self, email: str, tier: Tier, *, action: str) -> None:
        async with self._database.transaction() as session:
            found = await users.get_by_email(session, email.lower())
            if found is None:
                raise NotFound(NO_SUCH_ACCOUNT)
            if tier is Tier.USER:
                await changes.spare_last_supervisor(session, found.user_id)
            user = await users.lock(session, found.user_id)
            if user is None or user.status not in _MAY[tier]:
                raise NotFound(NO_SUCH_ACCOUNT)
            if user.tier == tier.value:
                return
            await users.update(session, user, tier=tier.value)
            await changes.end_sessions(session, user, reason="tier changed")
            await changes.announce(session, user)
            await audit.record(session, action, actor=None, target=f"user/{user.user_id}")

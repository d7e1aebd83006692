"""Leaving: for now, or for good. The row stays either way, because others point at it."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, outbox
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Unauthenticated
from contracts.identity import UserAnonymised, UserStatus
from identity.crud import account_tokens, invitations, sessions, users
from identity.models import User
from identity.ports import Eraser
from identity.service import changes, erasures, tenant_invitations
from identity.service.password_check import PasswordCheck

NOBODY = "탈퇴한 사용자"


class LeavingService:
    """`erasers`: what else is kept of a user (factors, API keys, linked identities) and goes with the rest."""

    def __init__(self, database: Database, check: PasswordCheck, erasers: Sequence[Eraser]) -> None:
        self._database = database
        self._check = check
        self._erasers = erasers

    async def deactivate(self, caller: Principal, password: str) -> None:
        """Every session ends, and nobody logs in until a supervisor restores the account.

        Raises:
            Forbidden: wrong password.
            Conflict: the caller is the last supervisor.
            RateLimited: too many wrong passwords.
        """
        await self._check.own(caller, password)
        async with self._database.transaction() as session:
            user = await _leaver(session, caller)
            await users.update(session, user, status=UserStatus.DEACTIVATED.value, deactivated_at=now())
            await changes.end_sessions(session, user, reason="deactivated")
            await changes.announce(session, user)
            await audit.record(session, "user.deactivated", actor=caller, target=f"user/{user.user_id}")

    async def anonymise(self, caller: Principal, password: str) -> None:
        """Everything personal goes, for good.

        Raises:
            Forbidden: wrong password.
            Conflict: the caller is the last supervisor.
            RateLimited: too many wrong passwords.
        """
        await self._check.own(caller, password)
        async with self._database.transaction() as session:
            user = await _leaver(session, caller)
            await self.erase(session, user, actor=caller)

    async def erase(self, session: AsyncSession, user: User, *, actor: Principal) -> None:
        """Anonymise an account whose row is locked, once `changes.spare_last_supervisor` has nothing against it."""
        email, user_id = user.email, user.user_id
        # Who only named an address takes nothing along that was sent to it, unless they used it: it may be another's.
        is_theirs = user.email_verified_at is not None
        async with erasures.reported(session, user_id, email=email, only_used=not is_theirs):
            await users.update(
                session,
                user,
                status=UserStatus.ANONYMISED.value,
                status_reason=None,
                email=f"anonymised-{user_id}@growfit.invalid",
                display_name=NOBODY,
                email_verified_at=None,
                anonymised_at=now(),
            )
            await users.delete_credential(session, user_id)
            await account_tokens.delete_of_user(session, user_id)
            if is_theirs:
                await invitations.delete_of_address(session, email)
                await tenant_invitations.forget(session, email)
            else:
                await invitations.delete_used(session, email)
                await tenant_invitations.forget_used(session, email)
            for erase in self._erasers:
                await erase(session, user_id)
            await changes.end_sessions(session, user, reason="anonymised")
            await sessions.update_anonymised(session, user_id)
        await changes.announce(session, user)
        event = UserAnonymised(user_id=user_id, version=user.version, anonymised_at=now())
        await outbox.add(session, event)
        await audit.record(session, "user.anonymised", actor=actor, target=f"user/{user_id}")


async def _leaver(session: AsyncSession, caller: Principal) -> User:
    await changes.spare_last_supervisor(session, caller.user_id)
    user = await users.lock(session, caller.user_id)
    if user is None or user.status != "active" or user.token_epoch != caller.token_epoch:
        raise Unauthenticated(SESSION_ENDED)
    return user

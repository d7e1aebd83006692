"""What supervisors do to accounts. Each act is idempotent, told to the others, and noted with who did it."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict, Invalid, NotFound
from contracts.identity import UserStatus
from identity.crud import admin_users, users
from identity.errors import CONFIRMATION_WRONG, NOT_TO_YOURSELF, USER_ANONYMISED, USER_NOT_FOUND
from identity.models import User
from identity.service import changes, permission
from identity.service.factors import FactorService
from identity.service.leaving import LeavingService


class SupervisionService:
    def __init__(self, database: Database, factors: FactorService, leaving: LeavingService) -> None:
        self._database = database
        self._factors = factors
        self._leaving = leaving

    async def suspend(self, caller: Principal, user_id: UUID, *, reason: str) -> None:
        """Nobody logs in to the account, and every token of it ends, until it is restored.

        Raises:
            Conflict: it is the caller's own, the last supervisor's, or anonymised.
        """
        async with self._database.transaction() as session:
            user = await self._other(session, caller, user_id)
            if user.status == UserStatus.SUSPENDED:
                return
            await users.update(session, user, status=UserStatus.SUSPENDED.value, status_reason=reason)
            await changes.end_sessions(session, user, reason="suspended")
            await changes.announce(session, user)
            # The reason itself may say anything about anybody; it stands on the account alone.
            await _note(session, caller, "user.suspended", user, reason_length=len(reason))

    async def restore(self, caller: Principal, user_id: UUID) -> None:
        """Whoever was suspended, or left for now, may log in again.

        Raises:
            Conflict: the account is anonymised.
        """
        async with self._database.transaction() as session:
            user = await self._any(session, caller, user_id)
            if user.status == UserStatus.ACTIVE:
                return
            was = user.status
            await users.update(session, user, status=UserStatus.ACTIVE.value, status_reason=None, deactivated_at=None)
            await changes.announce(session, user)
            await _note(session, caller, "user.restored", user, was=was)

    async def sign_out(self, caller: Principal, user_id: UUID) -> None:
        """End every session and every access token, those of API keys included; the keys themselves stay.

        Raises:
            Conflict: the account is anonymised.
        """
        async with self._database.transaction() as session:
            user = await self._any(session, caller, user_id)
            await changes.end_sessions(session, user, reason="signed out by a supervisor")
            await changes.announce(session, user)
            await _note(session, caller, "user.signed_out", user)

    async def reset_mfa(self, caller: Principal, user_id: UUID) -> None:
        """For somebody who lost their authenticator app. They log in again, and set up another where they must.

        Raises:
            Conflict: the account is the caller's own, or anonymised.
        """
        async with self._database.transaction() as session:
            user = await self._any(session, caller, user_id)
            _spare_oneself(caller, user_id)
            if not await self._factors.reset(session, user_id):
                return
            # Whoever sits in one of them may be why it is reset.
            await changes.end_sessions(session, user, reason="second factor reset")
            await changes.announce(session, user)
            await _note(session, caller, "user.mfa_reset", user)

    async def verify_email(self, caller: Principal, user_id: UUID) -> None:
        """The supervisor knows that the address is theirs.

        Raises:
            Conflict: the account is anonymised.
        """
        async with self._database.transaction() as session:
            user = await self._any(session, caller, user_id)
            if user.email_verified_at is not None:
                return
            await users.update(session, user, email_verified_at=now())
            await changes.announce(session, user)
            await _note(session, caller, "user.email_verified", user)

    async def anonymise(self, caller: Principal, user_id: UUID, *, confirm: str) -> None:
        """Everything personal goes, for good. `confirm`: the account's address, so that it is the one that is meant.

        Raises:
            Conflict: the account is the caller's own, or the last supervisor's.
            Invalid: `confirm` is another address.
        """
        async with self._database.transaction() as session:
            user = await self._other(session, caller, user_id, gone=True)
            if user.status == UserStatus.ANONYMISED:
                return
            if confirm.strip().lower() != user.email:
                raise Invalid(CONFIRMATION_WRONG)
            await self._leaving.erase(session, user, actor=caller)

    async def _any(self, session: AsyncSession, caller: Principal, user_id: UUID, *, gone: bool = False) -> User:
        """The account, held. `gone`: an anonymised one as well."""
        user = await admin_users.lock(session, permission.supervisor(caller), user_id)
        if user is None:
            raise NotFound(USER_NOT_FOUND)
        if user.status == UserStatus.ANONYMISED and not gone:
            raise Conflict(USER_ANONYMISED)
        return user

    async def _other(self, session: AsyncSession, caller: Principal, user_id: UUID, *, gone: bool = False) -> User:
        """The same, for what takes somebody's account away: not one's own, and not the last supervisor's."""
        permission.supervisor(caller)
        _spare_oneself(caller, user_id)
        await changes.spare_last_supervisor(session, user_id)
        return await self._any(session, caller, user_id, gone=gone)


def _spare_oneself(caller: Principal, user_id: UUID) -> None:
    if caller.user_id == user_id:
        raise Conflict(NOT_TO_YOURSELF)


async def _note(session: AsyncSession, caller: Principal, action: str, user: User, **facts: Any) -> None:
    await audit.record(session, action, actor=caller, target=f"user/{user.user_id}", **facts)

"""The second factor as its user sees it: an authenticator app, set up, confirmed, taken away, and recovery codes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit
from chassis.auth import ENROL_SCOPE, Principal
from chassis.database import Database
from chassis.errors import Conflict, Forbidden, Invalid, NotFound
from chassis.sealing import Sealer
from identity.crud import factors, sessions, users
from identity.errors import (
    MFA_CODE_WRONG,
    MFA_ENABLED,
    MFA_NOT_ENABLED,
    MFA_NOT_STARTED,
    PASSWORD_NEEDED,
    USER_NOT_FOUND,
)
from identity.models import TotpFactor, User
from identity.service import changes, permission, totp
from identity.service.codes import CodeCheck, bound_to
from identity.service.letters import Kind, Letters
from identity.service.password_check import PasswordCheck
from identity.service.tiers import Tiers


@dataclass(frozen=True)
class Status:
    """`required`: whether the platform asks it of this user."""

    enabled: bool
    confirmed_at: datetime | None
    recovery_codes_left: int
    required: bool


@dataclass(frozen=True)
class Started:
    secret: str
    otpauth_uri: str


@dataclass(frozen=True)
class Enabled:
    """`refresh_needed`: the session could do nothing else until now; its next access token is without that limit."""

    recovery_codes: list[str]
    refresh_needed: bool


class FactorService:
    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        codes: CodeCheck,
        passwords: PasswordCheck,
        letters: Letters,
        tiers: Tiers,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._codes = codes
        self._passwords = passwords
        self._letters = letters
        self._tiers = tiers

    async def status(self, caller: Principal) -> Status:
        required = await self._tiers.must_have_factor(caller.user_id, tier=caller.tier)
        async with self._database.transaction() as session:
            factor = await factors.get(session, caller.user_id)
            left = await factors.count_codes(session, caller.user_id)
        confirmed_at = factor.confirmed_at if factor else None
        return Status(confirmed_at is not None, confirmed_at, left, required)

    async def start(self, caller: Principal, password: str | None) -> Started:
        """A new secret; it counts once a code of it is confirmed. Again: another secret in its place.

        Raises:
            Invalid: the user has a password, and it is not there.
            Forbidden: it is wrong.
            RateLimited: too many wrong ones.
            Conflict: the user has a confirmed one.
        """
        await self._ask_password(caller, password)
        secret = totp.new_secret()
        sealed = self._sealer.seal(secret, bound_to=bound_to(caller.user_id))
        async with self._database.transaction() as session:
            user = await self._user(session, caller)
            if not await factors.add(session, user_id=caller.user_id, sealed=sealed):
                raise Conflict(MFA_ENABLED)
        return Started(secret, totp.uri(secret, account=user.email))

    async def confirm(self, caller: Principal, code: str) -> Enabled:
        """
        Raises:
            Conflict: nothing was started, or it is confirmed already.
            Forbidden: the code is not the new secret's.
            RateLimited: too many wrong codes.
        """
        async with self._database.transaction() as session:
            factor = _unconfirmed(await factors.get(session, caller.user_id))
        counted = await self._codes.count(caller.user_id)
        step = self._codes.step(caller.user_id, factor.sealed, totp.normal(code))
        if step is None:
            async with self._database.transaction() as session:
                await self._codes.refuse(session, caller.user_id, counted, actor=caller)
            raise Forbidden(MFA_CODE_WRONG)
        recovery_codes = totp.new_recovery_codes()
        async with self._database.transaction() as session:
            if not await factors.update_confirmed(session, user_id=caller.user_id, sealed=factor.sealed, step=step):
                raise Conflict(MFA_NOT_STARTED)
            await self._replace_codes(session, caller.user_id, recovery_codes)
            lifted = await self._lift(session, caller)
            await audit.record(session, "mfa.enabled", actor=caller, target=f"user/{caller.user_id}")
            user = await self._user(session, caller)
            await self._letters.put(session, Kind.FACTOR_ADDED, to=user.email, locale=user.locale)
            await self._codes.settle(session, counted)
        return Enabled(recovery_codes, lifted)

    async def disable(self, caller: Principal, code: str) -> None:
        """With a code of the app or a recovery code: whoever has but the password must not get rid of the factor.

        Raises:
            Conflict: the user has none.
            Forbidden: the code is wrong.
            RateLimited: too many wrong ones.
        """

        async def act(session: AsyncSession, user: User) -> None:
            await factors.delete_all(session, caller.user_id)
            await audit.record(session, "mfa.disabled", actor=caller, target=f"user/{caller.user_id}")
            await self._letters.put(session, Kind.FACTOR_REMOVED, to=user.email, locale=user.locale)

        await self._prove(caller, code, act)

    async def renew_codes(self, caller: Principal, code: str) -> list[str]:
        """A new set of recovery codes; the old ones are void. Raises what `disable` does."""
        recovery_codes = totp.new_recovery_codes()

        async def act(session: AsyncSession, _: User) -> None:
            await self._replace_codes(session, caller.user_id, recovery_codes)
            await audit.record(session, "mfa.recovery_codes_renewed", actor=caller, target=f"user/{caller.user_id}")

        await self._prove(caller, code, act)
        return recovery_codes

    async def reset(self, session: AsyncSession, user_id: UUID) -> bool:
        """For a supervisor whose user lost the app and the codes. False: there was none."""
        user = await users.get(session, user_id)
        if user is None or not await factors.delete_all(session, user_id):
            return False
        await self._letters.put(session, Kind.FACTOR_REMOVED, to=user.email, locale=user.locale)
        return True

    async def forget(self, session: AsyncSession, user_id: UUID) -> None:
        """For an account that goes."""
        await factors.delete_all(session, user_id)

    async def _ask_password(self, caller: Principal, password: str | None) -> None:
        """Whoever finds a session open must not lock its user out with an app of theirs.

        Not of a session that is good for setting one up alone: that is all that its user can do, after a login.
        """
        if ENROL_SCOPE in (caller.scopes or ()):
            return
        async with self._database.transaction() as session:
            if not await users.has_password(session, caller.user_id):
                return
        if password is None:
            raise Invalid(PASSWORD_NEEDED)
        await self._passwords.own(caller, password)

    async def _prove(self, caller: Principal, code: str, act: Callable[[AsyncSession, User], Awaitable[None]]) -> None:
        async with self._database.transaction() as session:
            if not await factors.is_enrolled(session, caller.user_id):
                raise Conflict(MFA_NOT_ENABLED)
        counted = await self._codes.count(caller.user_id)
        async with self._database.transaction() as session:
            right = await self._codes.use(session, caller.user_id, code)
            if right:
                await act(session, await self._user(session, caller))
                await self._codes.settle(session, counted)
            else:
                await self._codes.refuse(session, caller.user_id, counted, actor=caller)
        if not right:
            raise Forbidden(MFA_CODE_WRONG)

    async def _replace_codes(self, session: AsyncSession, user_id: UUID, recovery_codes: list[str]) -> None:
        hashes = [totp.recovery_digest(user_id, code) for code in recovery_codes]
        await factors.replace_codes(session, user_id=user_id, hashes=hashes)

    async def _lift(self, session: AsyncSession, caller: Principal) -> bool:
        """Free the session that set it up, and end the others that were opened without: who knows whose they are."""
        own = permission.own(caller)
        lifted = await sessions.update_lifted(session, own, caller.session_id)
        for session_id in await sessions.list_restricted(session, own):
            await changes.end_session(session, session_id, own=own, reason="second factor set up", actor=caller)
        return lifted

    async def _user(self, session: AsyncSession, caller: Principal) -> User:
        user = await users.get(session, caller.user_id)
        if user is None or user.status != "active":
            raise NotFound(USER_NOT_FOUND)
        return user


def _unconfirmed(factor: TotpFactor | None) -> TotpFactor:
    if factor is None:
        raise Conflict(MFA_NOT_STARTED)
    if factor.confirmed_at is not None:
        raise Conflict(MFA_ENABLED)
    return factor

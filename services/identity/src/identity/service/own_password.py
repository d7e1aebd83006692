"""A new password: for somebody who forgot theirs and reads their letters, and for somebody who knows it."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Invalid, Unauthenticated
from contracts.audit import AuditOutcome
from identity.crud import account_tokens as tokens
from identity.crud import users
from identity.errors import LINK_INVALID
from identity.models import User
from identity.ports import Eraser, Passwords, Values
from identity.service import account_tokens, changes, password_policy
from identity.service.account_tokens import Purpose
from identity.service.api_keys import ApiKeyService
from identity.service.attempts import Attempts, Limit
from identity.service.letters import Kind, Letters
from identity.service.networks import here, host_of
from identity.service.password_check import PasswordCheck

# Within a quarter of an hour.
RESETS_FROM_ONE_HOST = 100
RESETS_OF_ONE_ADDRESS = 3


class OwnPasswordService:
    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        check: PasswordCheck,
        attempts: Attempts,
        letters: Letters,
        settings: Values,
        *,
        api_keys: ApiKeyService,
        forget: Sequence[Eraser],
    ) -> None:
        """`forget`: the second factor, linked identities: the ways in that whoever made an account may have left."""
        self._database = database
        self._passwords = passwords
        self._check = check
        self._attempts = attempts
        self._letters = letters
        self._settings = settings
        self._api_keys = api_keys
        self._forget = forget

    async def request_reset(self, email: str) -> None:
        """A letter to an address that has an account; for any other, nothing but the same work.

        More than a few for one address are silently none, so that nobody can keep voiding another's link.

        Raises:
            RateLimited: too many were asked for from there.
        """
        email = email.lower()
        host = self._attempts.key("reset from", host_of(origin.current().ip))
        address = self._attempts.key("reset of", email)
        async with self._database.transaction() as session:
            counted = await self._attempts.count(session, _resets(host), Limit(address, None))
            user = await users.get_by_email(session, email)
            may = user is not None and user.status == "active"
            if counted.total(address) <= RESETS_OF_ONE_ADDRESS:
                await self._letters.put_token(session, user if may else None, Purpose.RESET_PASSWORD, to=email)
                await _note_request(session, user, may=may)

    async def reset(self, token: str, password: str) -> None:
        """Every session and API key ends, and the address is verified: its letters were read.

        Until then anybody may have made the account, so with the first letter that is read their ways in go as well.

        Raises:
            Invalid: the token is wrong, too old or used; or the password is unfit.
        """
        digest, purposes = account_tokens.digest(token), (Purpose.RESET_PASSWORD,)
        least = await self._settings.value("security.password_min_length")
        async with self._database.transaction() as session:
            found = await tokens.get(session, digest, purposes=purposes)
        if found is None:
            raise Invalid(LINK_INVALID)
        password_policy.check(password, email=found.email, least=least)
        hashed = await self._passwords.hash(password)
        async with self._database.transaction() as session:
            user = await users.lock(session, found.user_id)
            if user is None or user.status != "active" or user.email != found.email:
                raise Invalid(LINK_INVALID)
            if not await tokens.use(session, digest):
                raise Invalid(LINK_INVALID)
            was_verified = user.email_verified_at is not None
            await self._evict(session, user)
            await users.update(session, user, email_verified_at=user.email_verified_at or now())
            await self._replace(session, user, hashed, Kind.PASSWORD_RESET if was_verified else Kind.ACCOUNT_RECLAIMED)
            await changes.end_sessions(session, user, reason="password reset")
            await changes.announce(session, user)
            target = f"user/{user.user_id}"
            await audit.record(session, "user.password_reset", actor=None, target=target, was_verified=was_verified)

    async def change(self, caller: Principal, *, current: str, new: str) -> None:
        """All other sessions end. The caller's goes on with a new access token: those it had end too.

        Raises:
            Forbidden: `current` is not the password.
            Invalid: the new one is unfit.
            RateLimited: too many wrong passwords.
        """
        least = await self._settings.value("security.password_min_length")
        confirmed = await self._check.own(caller, current)
        password_policy.check(new, email=confirmed.email, least=least)
        hashed = await self._passwords.hash(new)
        async with self._database.transaction() as session:
            user = await users.lock(session, caller.user_id)
            if user is None or user.status != "active" or user.token_epoch != caller.token_epoch:
                raise Unauthenticated(SESSION_ENDED)
            await self._replace(session, user, hashed, Kind.PASSWORD_CHANGED)
            await changes.end_sessions(session, user, reason="password changed", keep=caller.session_id)
            await changes.announce(session, user)
            await audit.record(session, "user.password_changed", actor=caller, target=f"user/{user.user_id}")

    async def _evict(self, session: AsyncSession, user: User) -> None:
        await self._api_keys.revoke_all(session, user, reason="password reset")
        if user.email_verified_at is None:
            for forget in self._forget:
                await forget(session, user.user_id)

    async def _replace(self, session: AsyncSession, user: User, hashed: str, letter: Kind) -> None:
        await users.put_password(session, user_id=user.user_id, password_hash=hashed, network=here())
        # With them goes a change of the address that somebody else may have asked for.
        await tokens.delete_of_user(session, user.user_id)
        await self._letters.put(session, letter, to=user.email, locale=user.locale)


def _resets(host: bytes) -> Limit:
    return Limit(host, RESETS_FROM_ONE_HOST, name="password_resets")


async def _note_request(session: AsyncSession, user: User | None, *, may: bool) -> None:
    """For an address without an account as well: the answer must not take longer for one that has."""
    outcome = AuditOutcome.SUCCEEDED if may else AuditOutcome.REFUSED
    target = f"user/{user.user_id}" if user else None
    await audit.record(session, "user.password_reset_requested", actor=None, target=target, outcome=outcome)

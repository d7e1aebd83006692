"""E-mail addresses: shown to be somebody's, and changed for another one that is."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Conflict, Invalid, Unauthenticated
from identity.crud import account_tokens as tokens
from identity.crud import invitations, users
from identity.errors import EMAIL_TAKEN, EMAIL_UNCHANGED, LINK_INVALID
from identity.models import AccountToken, User
from identity.service import account_tokens, changes, tenant_invitations
from identity.service.account_tokens import Purpose
from identity.service.attempts import Attempts, Limit
from identity.service.letters import Kind, Letters
from identity.service.networks import host_of
from identity.service.password_check import PasswordCheck

# Within a quarter of an hour. A class that signs up together shares one address.
LETTERS_FROM_ONE_HOST = 100
LETTERS_TO_ONE_ADDRESS = 3
CHANGES_OF_ONE_USER = 5


class AddressService:
    def __init__(self, database: Database, check: PasswordCheck, attempts: Attempts, letters: Letters) -> None:
        self._database = database
        self._check = check
        self._attempts = attempts
        self._letters = letters

    async def verify(self, token: str) -> None:
        """
        Raises:
            Invalid: wrong, too old or used; or the account or its address is another by now.
            Conflict: the new address got an account of its own meanwhile.
        """
        digest = account_tokens.digest(token)
        async with self._database.transaction() as session:
            found = await tokens.get(session, digest, purposes=(Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL))
            user = await users.lock(session, found.user_id) if found else None
            if found is None or user is None or user.status != "active" or not await tokens.use(session, digest):
                raise Invalid(LINK_INVALID)
            action = await _apply(session, user, found)
            await changes.announce(session, user)
            await audit.record(session, action, actor=None, target=f"user/{user.user_id}")

    async def resend(self, email: str) -> None:
        """Another letter to an address that waits for it; for any other, nothing but the same work.

        Raises:
            RateLimited: too many were asked for from there.
        """
        email = email.lower()
        host = self._attempts.key("verification from", host_of(origin.current().ip))
        address = self._attempts.key("verification of", email)
        async with self._database.transaction() as session:
            counted = await self._attempts.count(session, _letters(host), Limit(address, None))
            user = await users.get_by_email(session, email)
            waits = user is not None and user.status == "active" and user.email_verified_at is None
            if counted.total(address) <= LETTERS_TO_ONE_ADDRESS:
                await self._letters.put_token(session, user if waits else None, Purpose.VERIFY_EMAIL, to=email)

    async def change(self, caller: Principal, *, email: str, password: str) -> None:
        """Ask the new address for its word, and tell the old one. Who has the new one already is not told to anybody.

        Raises:
            Forbidden: wrong password.
            Conflict: it is the address that the account has.
            RateLimited: too many wrong passwords, or too many changes.
        """
        email = email.lower()
        async with self._database.transaction() as session:
            key = self._attempts.key("change of address", str(caller.user_id))
            await self._attempts.count(session, Limit(key, CHANGES_OF_ONE_USER, name="address_changes"))
        await self._check.own(caller, password)
        async with self._database.transaction() as session:
            user = await users.lock(session, caller.user_id)
            if user is None or user.token_epoch != caller.token_epoch:
                raise Unauthenticated(SESSION_ENDED)
            if user.email == email:
                raise Conflict(EMAIL_UNCHANGED)
            await self._write(session, user, email)
            await audit.record(session, "user.email_change_requested", actor=caller, target=f"user/{user.user_id}")

    async def _write(self, session: AsyncSession, user: User, email: str) -> None:
        taken = await users.get_by_email(session, email)
        if taken is None:
            await self._letters.put_token(session, user, Purpose.CHANGE_EMAIL, to=email)
        else:
            await self._letters.put(session, Kind.ADDRESS_IN_USE, to=email, locale=taken.locale)
        await self._letters.put(session, Kind.EMAIL_CHANGING, to=user.email, locale=user.locale)


def _letters(host: bytes) -> Limit:
    return Limit(host, LETTERS_FROM_ONE_HOST, name="verification_letters")


async def _apply(session: AsyncSession, user: User, token: AccountToken) -> str:
    if token.purpose == Purpose.CHANGE_EMAIL:
        left = user.email
        if not await users.update_email(session, user, email=token.email, verified_at=now()):
            raise Conflict(EMAIL_TAKEN)
        await invitations.delete_used(session, left)
        await tenant_invitations.forget_used(session, left)
        return "user.email_changed"
    if token.email != user.email:
        raise Invalid(LINK_INVALID)
    await users.update(session, user, email_verified_at=user.email_verified_at or now())
    return "user.email_verified"

"""Accounts: making one, reading one's own."""

from uuid import UUID

from chassis import outbox
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict, Invalid, NotFound
from chassis.ids import new_id
from contracts.identity import Tier, UserRegistered
from identity.crud import users
from identity.errors import EMAIL_TAKEN, PASSWORD_UNFIT, USER_NOT_FOUND
from identity.models import User
from identity.ports import Passwords


class AccountService:
    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    async def sign_up(
        self, *, email: str, password: str, display_name: str, locale: str, tier: Tier = Tier.USER
    ) -> User:
        """Make an account. `tier` above USER is for the operator's command line alone; no route passes it.

        Raises:
            Conflict: the address has an account.
            Invalid: the password is the address or one repeated character.
        """
        email = email.lower()
        if password.lower() == email or len(set(password)) == 1:
            raise Invalid(PASSWORD_UNFIT)
        hashed = await self._passwords.hash(password)
        async with self._database.transaction() as session:
            user = await users.add(
                session, user_id=new_id(), email=email, display_name=display_name, tier=tier.value, locale=locale
            )
            if user is None:
                raise Conflict(EMAIL_TAKEN)
            await users.add_credential(session, user_id=user.user_id, password_hash=hashed)
            await outbox.add(
                session,
                UserRegistered(
                    user_id=user.user_id,
                    email=email,
                    display_name=display_name,
                    tier=tier,
                    locale=locale,
                    registered_at=now(),
                ),
            )
        return user

    async def get(self, user_id: UUID) -> User:
        async with self._database.transaction() as session:
            user = await users.get(session, user_id)
        if user is None or user.status != "active":
            raise NotFound(USER_NOT_FOUND)
        return user

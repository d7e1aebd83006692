"""Accounts: signing up, and one's own profile."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, Forbidden, NotFound
from contracts.identity import Tier
from contracts.platform import SignUpMode
from identity.crud import invitations, users
from identity.errors import INVITATION_INVALID, INVITATION_NEEDED, SIGN_UP_CLOSED, USER_NOT_FOUND
from identity.models import User
from identity.ports import Passwords, Values
from identity.service import account_tokens, changes, password_policy, tenant_invitations
from identity.service.account_tokens import Purpose
from identity.service.attempts import Attempts, Limit
from identity.service.letters import Letters
from identity.service.networks import here, host_of
from identity.service.permission import own
from identity.service.registration import register

# A whole school signs up from one address; somebody who tries which addresses have an account gets this far.
SIGN_UPS = 500
SIGN_UPS_IN_VAIN = 50


@dataclass(frozen=True)
class Profile:
    user_id: UUID
    email: str
    email_verified: bool
    display_name: str
    locale: str
    tier: str
    status: str
    mfa_enabled: bool
    created_at: datetime


class AccountService:
    def __init__(
        self, database: Database, passwords: Passwords, attempts: Attempts, letters: Letters, settings: Values
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._attempts = attempts
        self._letters = letters
        self._settings = settings

    async def sign_up(
        self, *, email: str, password: str, display_name: str, locale: str, invitation_token: str | None = None
    ) -> Profile:
        """Make an account, and send the letter that verifies its address unless an invitation has done so.

        Raises:
            Forbidden: nobody may sign up, or invited people alone.
            Conflict: the address has an account.
            Invalid: the password is unfit.
            RateLimited: too many came from there, or too many of them in vain.
        """
        mode = await self._settings.value("security.sign_up_mode")
        if mode == SignUpMode.CLOSED:
            raise Forbidden(SIGN_UP_CLOSED)
        if mode == SignUpMode.INVITE_ONLY and invitation_token is None:
            raise Forbidden(INVITATION_NEEDED)
        email = email.lower()
        await self._check_password(password, email)
        host, key = host_of(origin.current().ip), self._attempts.key
        limits = (
            Limit(key("sign-up", host), SIGN_UPS, name="sign_ups"),
            Limit(key("sign-up in vain", host), SIGN_UPS_IN_VAIN, late=True, name="sign_ups_in_vain"),
        )
        async with self._database.transaction() as session:
            counted = await self._attempts.count(session, *limits)
        hashed = await self._passwords.hash(password)
        try:
            user = await self._add(hashed, invitation_token, email=email, display_name=display_name, locale=locale)
        except (Conflict, Forbidden):
            async with self._database.transaction() as session:
                await self._attempts.count_late(session, counted)
            raise
        return _profile(user, mfa_enabled=False)

    async def create_supervisor(self, *, email: str, password: str, display_name: str, locale: str) -> Profile:
        """For the operator's command line alone, whatever the sign-up mode is; no route leads here.

        Raises:
            Conflict: the address has an account.
            Invalid: the password is unfit.
        """
        await self._check_password(password, email)
        hashed = await self._passwords.hash(password)
        async with self._database.transaction() as session:
            user = await register(
                session,
                email=email,
                display_name=display_name,
                locale=locale,
                is_verified=True,
                tier=Tier.SUPERVISOR,
            )
            await users.put_password(session, user_id=user.user_id, password_hash=hashed, network=here())
            await audit.record(session, "supervisor.granted", actor=None, target=f"user/{user.user_id}")
        return _profile(user, mfa_enabled=False)

    async def get(self, caller: Principal) -> Profile:
        async with self._database.transaction() as session:
            found = await users.get_profile(session, own(caller))
        if found is None:
            raise NotFound(USER_NOT_FOUND)
        return _profile(found[0], mfa_enabled=found[1])

    async def update(self, caller: Principal, *, display_name: str | None, locale: str | None) -> Profile:
        """Change what is given; what is the same already is no change."""
        async with self._database.transaction() as session:
            found = await users.get_profile(session, own(caller), lock=True)
            if found is None:
                raise NotFound(USER_NOT_FOUND)
            user, mfa_enabled = found
            wanted = {"display_name": display_name, "locale": locale}
            new = {name: value for name, value in wanted.items() if value not in (None, getattr(user, name))}
            if new:
                await users.update(session, user, **new)
                await changes.announce(session, user)
        return _profile(user, mfa_enabled=mfa_enabled)

    async def _add(self, hashed: str, token: str | None, *, email: str, display_name: str, locale: str) -> User:
        async with self._database.transaction() as session:
            invitation_id = None if token is None else await _use_invitation(session, token, email=email)
            if token is not None and invitation_id is None:
                raise Forbidden(INVITATION_INVALID)
            user = await register(
                session,
                email=email,
                display_name=display_name,
                locale=locale,
                is_verified=token is not None,
                invitation_id=invitation_id,
            )
            await users.put_password(session, user_id=user.user_id, password_hash=hashed, network=here())
            if token is None:
                await self._letters.put_token(session, user, Purpose.VERIFY_EMAIL, to=email)
        return user

    async def _check_password(self, password: str, email: str) -> None:
        least = await self._settings.value("security.password_min_length")
        password_policy.check(password, email=email, least=least)


async def _use_invitation(session: AsyncSession, token: str, *, email: str) -> UUID | None:
    """A supervisor's, or one of an org, a partner or a class."""
    used = await invitations.use(session, account_tokens.digest(token), email=email)
    return used or await tenant_invitations.use(session, token, email=email)


def _profile(user: User, *, mfa_enabled: bool) -> Profile:
    return Profile(
        user_id=user.user_id,
        email=user.email,
        email_verified=user.email_verified_at is not None,
        display_name=user.display_name,
        locale=user.locale,
        tier=user.tier,
        status=user.status,
        mfa_enabled=mfa_enabled,
        created_at=user.created_at,
    )

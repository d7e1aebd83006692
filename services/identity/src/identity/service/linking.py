"""Whose account a person at a provider is: linked by the subject, first found by an address that both have verified."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import EmailStr, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, Forbidden, NotFound, Unauthenticated
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.platform import SignUpMode
from identity.crud import federation, invitations, users
from identity.errors import (
    ACCOUNT_NOT_ACTIVE,
    IDENTITY_NOT_FOUND,
    LAST_WAY_IN,
    OIDC_ADDRESS_UNVERIFIED,
    OIDC_EMAIL_UNVERIFIED,
    OIDC_NOT_INVITED,
    SIGN_UP_CLOSED,
)
from identity.models import LinkedIdentity, User
from identity.ports import Person
from identity.schemas.auth import DisplayName
from identity.service import permission, tenant_invitations
from identity.service.letters import Kind, Letters
from identity.service.registration import register

_EMAIL: TypeAdapter[str] = TypeAdapter(EmailStr)
_NAME: TypeAdapter[str] = TypeAdapter(DisplayName)
_LONGEST_EMAIL = 254


class Linking:
    def __init__(self, database: Database, letters: Letters) -> None:
        self._database = database
        self._letters = letters

    async def user_of(self, session: AsyncSession, person: Person, *, provider: str, mode: SignUpMode) -> User:
        """
        Raises:
            Unauthenticated: the account may not log in.
            Forbidden: the provider has not verified the address; or it has no account, and may have none.
            Conflict: an account has the address without having verified it, so it may be somebody else's.
        """
        await federation.lock(session, issuer=person.issuer, subject=person.subject)
        linked = await federation.get_user(session, issuer=person.issuer, subject=person.subject)
        if linked is not None:
            return _active(linked)
        email = _verified_address(person)
        owner = await federation.lock_user(session, email=email)
        if owner is None:
            owner = await self._register(session, person, email, provider=provider, mode=mode)
        else:
            if _active(owner).email_verified_at is None:
                raise Conflict(OIDC_ADDRESS_UNVERIFIED)
            await self._letters.put(session, Kind.IDENTITY_LINKED, to=owner.email, locale=owner.locale)
        await federation.add(
            session,
            identity_id=new_id(),
            user_id=owner.user_id,
            provider=provider,
            issuer=person.issuer,
            subject=person.subject,
            email=email,
        )
        await audit.record(session, "oidc.linked", actor=None, target=f"user/{owner.user_id}", provider=provider)
        return owner

    async def list_own(
        self, caller: Principal, page: Slice, *, provider: str | None = None
    ) -> Sequence[LinkedIdentity]:
        async with self._database.transaction() as session:
            return await federation.list_page(session, permission.own(caller), page, provider=provider)

    async def unlink(self, caller: Principal, identity_id: UUID) -> None:
        """
        Raises:
            NotFound: the caller has no such identity.
            Conflict: nothing else would be left to log in with.
        """
        own = permission.own(caller)
        async with self._database.transaction() as session:
            # Two at once would each see the other's as what is left.
            await users.lock(session, caller.user_id)
            identity = await federation.get(session, own, identity_id)
            if identity is None:
                raise NotFound(IDENTITY_NOT_FOUND)
            if await federation.count_ways(session, own) < 2:  # noqa: PLR2004  this one and another
                raise Conflict(LAST_WAY_IN)
            await federation.delete_one(session, own, identity_id)
            target = f"user/{caller.user_id}"
            await audit.record(session, "oidc.unlinked", actor=caller, target=target, provider=identity.provider)

    async def forget(self, session: AsyncSession, user_id: UUID) -> None:
        """For an account that goes."""
        await federation.delete_all(session, user_id)

    async def _register(
        self, session: AsyncSession, person: Person, email: str, *, provider: str, mode: SignUpMode
    ) -> User:
        if mode is SignUpMode.CLOSED:
            raise Forbidden(SIGN_UP_CLOSED)
        invited = await invitations.use_of_address(session, email)
        invited = invited or await tenant_invitations.use_of_address(session, email)
        if mode is SignUpMode.INVITE_ONLY and invited is None:
            raise Forbidden(OIDC_NOT_INVITED)
        locale = "en" if (person.locale or "").lower().startswith("en") else "ko"
        return await register(
            session,
            email=email,
            display_name=_display_name(person, email),
            locale=locale,
            is_verified=True,
            invitation_id=invited,
            provider=provider,
        )


def _active(user: User) -> User:
    if user.status != "active":
        raise Unauthenticated(ACCOUNT_NOT_ACTIVE)
    return user


def _verified_address(person: Person) -> str:
    try:
        email = _EMAIL.validate_python(person.email).lower()
    except ValidationError:
        email = ""
    if not person.is_email_verified or not email or len(email) > _LONGEST_EMAIL:
        raise Forbidden(OIDC_EMAIL_UNVERIFIED)
    return email


def _display_name(person: Person, email: str) -> str:
    """The provider's word for it, where that may be one here."""
    for name in (person.name, email.partition("@")[0]):
        try:
            return _NAME.validate_python((name or "")[:80])
        except ValidationError:
            continue
    return "GrowFit"

"""What identity's services need from outside, each with the adapter that the factory picks."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession


class Passwords(Protocol):
    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hashed: str | None) -> bool:
        """`hashed` None: an unknown account, which costs the same time and is never right."""
        ...

    def is_outdated(self, hashed: str) -> bool: ...


@dataclass(frozen=True)
class Claims:
    """`scope`: what alone the token may be used for, divided by spaces; None: all that its user may do."""

    user_id: UUID
    tier: str
    session_id: UUID
    token_epoch: int
    scope: str | None = None


@dataclass(frozen=True)
class KeyPair:
    """`sealed`: the private key, encrypted at rest and bound to `kid`. `public_jwk`: RFC 8037 OKP key."""

    kid: str
    sealed: bytes
    public_jwk: dict[str, Any]


class Signer(Protocol):
    def new_key(self) -> KeyPair: ...

    def sign(self, claims: Claims, *, key: KeyPair, lifetime: timedelta) -> str: ...

    def public_key(self, jwk: dict[str, Any]) -> Any: ...


class RefreshSecrets(Protocol):
    def first(self) -> str: ...

    def successor(self, token: str) -> str:
        """Always the same one for the same token, so that a repeated refresh inside the grace gets it again."""
        ...

    def digest(self, token: str) -> bytes: ...


@dataclass(frozen=True)
class Challenge:
    """What a login still needs: `token` and a code are traded for a session within `expires_in` seconds."""

    token: str
    expires_in: int
    methods: tuple[str, ...]


class SecondFactor(Protocol):
    async def challenge(self, session: AsyncSession, user_id: UUID, *, epoch: int) -> Challenge | None:
        """Begin the second step of a login whose first one was right, in its transaction. None: there is none.

        `epoch`: the user's token epoch as the first step saw it.
        """
        ...

    async def restriction(self, user_id: UUID, *, tier: str, held: str | None = None) -> str | None:
        """What alone a session of the user is good for; `held`: what it was until now. None: for everything."""
        ...


class Eraser(Protocol):
    async def __call__(self, session: AsyncSession, user_id: UUID) -> None:
        """Delete something that is kept of a user besides the account itself, in the caller's transaction."""
        ...


class Values(Protocol):
    async def value(self, name: str) -> Any:
        """A platform setting, or its default."""
        ...


@dataclass(frozen=True)
class ProviderName:
    name: str
    title: str


@dataclass(frozen=True)
class OidcRequest:
    """What a login at a provider begins with, and must end with."""

    state: str
    nonce: str
    code_verifier: str
    redirect_uri: str


@dataclass(frozen=True)
class Person:
    """Who somebody is at a provider: `subject`, which is unique at the `issuer` and never changes."""

    issuer: str
    subject: str
    email: str | None
    is_email_verified: bool
    name: str | None
    locale: str | None


class Providers(Protocol):
    """The OpenID providers that the operator has set, by name."""

    def names(self) -> list[ProviderName]: ...

    def is_known(self, name: str) -> bool: ...

    async def authorization_url(self, name: str, request: OidcRequest) -> str:
        """
        Raises:
            Unavailable: the provider cannot be reached.
        """
        ...

    async def identify(self, name: str, request: OidcRequest, *, code: str) -> Person:
        """
        Raises:
            Unauthenticated: the provider does not take the code, or what it says is not for us.
            Unavailable: the provider cannot be reached.
        """
        ...

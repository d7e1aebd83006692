"""Who is calling: identity's tokens, verified by each service itself with identity's public keys."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from uuid import UUID

import httpx
import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from chassis.errors import (
    KEYS_UNAVAILABLE,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_MISSING,
    Unauthenticated,
    Unavailable,
)

log = logging.getLogger(__name__)

# Fixed here: what a token says of its own algorithm or keys is never believed (ASVS 9.1).
ALGORITHM = "EdDSA"
AUDIENCE = "growfit"
ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105  RFC 9068's media type
LEEWAY_SECONDS = 30
_REFETCH_SECONDS = 10.0
# Without any key nobody can be let in, so the next try comes soon; but callers do not queue up for one each.
_FIRST_FETCH_SECONDS = 1.0
_CACHE_SECONDS = 300.0

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class Principal:
    """The authenticated caller. `tier` is the account's own; roles in orgs and classes are memberships."""

    user_id: UUID
    tier: str
    session_id: UUID
    token_epoch: int

    @property
    def is_supervisor(self) -> bool:
        return self.tier == "supervisor"


class KeySource(Protocol):
    async def key(self, kid: str) -> Any | None:
        """The public key of that id, or None when nobody has published it."""
        ...


class RemoteKeys:
    """A JWKS endpoint, cached. The last good set is kept while the endpoint is down.

    An unknown kid makes one request, shared by all waiters, and not more often than every 10 s.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, Any] = {}
        self._fetched_at = -_CACHE_SECONDS
        self._tried_at = -_CACHE_SECONDS
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Any | None:
        if kid not in self._keys or time.monotonic() - self._fetched_at > _CACHE_SECONDS:
            async with self._lock:
                await self._refresh(kid)
        if not self._keys:
            raise Unavailable(KEYS_UNAVAILABLE, headers={"Retry-After": "2"})
        return self._keys.get(kid)

    async def _refresh(self, kid: str) -> None:
        now = time.monotonic()
        fresh = kid in self._keys and now - self._fetched_at <= _CACHE_SECONDS
        pause = _REFETCH_SECONDS if self._keys else _FIRST_FETCH_SECONDS
        if fresh or now - self._tried_at < pause:
            return
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                answer = await client.get(self._url)
                answer.raise_for_status()
                keys = jwt.PyJWKSet.from_dict(answer.json())
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            log.warning("the keys at %s cannot be had: %r", self._url, error)
            return
        finally:
            self._tried_at = time.monotonic()
        self._keys = {key.key_id: key.key for key in keys.keys if key.key_id}
        self._fetched_at = now


class Verifier:
    def __init__(self, keys: KeySource, *, issuer: str) -> None:
        self._keys = keys
        self._issuer = issuer

    async def verify(self, token: str) -> Principal:
        """Check signature, issuer, audience, type and times.

        Raises:
            Unauthenticated: the token is not valid, or no longer.
            Unavailable: no key could be fetched yet.
        """
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.key(str(header.get("kid", "")))
            if key is None or header.get("typ") != ACCESS_TOKEN_TYPE:
                raise Unauthenticated(TOKEN_INVALID, headers=_CHALLENGE)
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "nbf", "iat", "sub", "iss", "aud"]},
            )
            return Principal(UUID(claims["sub"]), str(claims["tier"]), UUID(claims["sid"]), int(claims["epoch"]))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated(TOKEN_EXPIRED, headers=_CHALLENGE) from error
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise Unauthenticated(TOKEN_INVALID, headers=_CHALLENGE) from error


_bearer = HTTPBearer(auto_error=False, description="The access token of POST /auth/login")


async def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    if credentials is None:
        raise Unauthenticated(TOKEN_MISSING, headers=_CHALLENGE)
    verifier: Verifier = request.app.state.verifier
    return await verifier.verify(credentials.credentials)


Caller = Annotated[Principal, Depends(authenticate)]

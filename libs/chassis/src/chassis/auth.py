"""Who is calling: identity's tokens, verified by each service itself with identity's public keys."""

import asyncio
import hashlib
import logging
import re
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from urllib.parse import urljoin
from uuid import UUID

import httpx
import jwt
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from chassis import origin, queries
from chassis.errors import (
    API_KEY_INVALID,
    KEYS_UNAVAILABLE,
    LOGIN_NEEDED,
    SCOPE_INSUFFICIENT,
    SECOND_FACTOR_NEEDED,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_MISSING,
    Forbidden,
    Unauthenticated,
    Unavailable,
)
from contracts.scopes import BELONGS_TO, READ, SCOPES, WRITE

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

# Identity's route that gives a short access token for an API key.
EXCHANGE_PATH = "/auth/api-keys/token"
API_KEY_PATTERN = re.compile(r"gfk_[0-9a-f]{32}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}")
_KEYS_REMEMBERED = 10_000
# A traded token is not used up to its last second: it must not expire on its way.
_MARGIN_SECONDS = 15.0

# All that a login may do whose user must have a second factor and has none yet: set one up.
ENROL_SCOPE = "mfa:enrol"

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class Principal:
    """The authenticated caller. `tier` is the account's own; roles in orgs and classes are memberships.

    `scopes`: what an API key allows (`contracts.scopes`); None for a person who logged in, who has no such limit.
    """

    user_id: UUID
    tier: str
    session_id: UUID
    token_epoch: int
    scopes: frozenset[str] | None = None

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
            scopes = frozenset(str(claims["scope"]).split()) if "scope" in claims else None
            return Principal(
                UUID(claims["sub"]), str(claims["tier"]), UUID(claims["sid"]), int(claims["epoch"]), scopes
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated(TOKEN_EXPIRED, headers=_CHALLENGE) from error
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise Unauthenticated(TOKEN_INVALID, headers=_CHALLENGE) from error


class KeyTrade(Protocol):
    """Where an API key is traded for an access token."""

    async def trade(self, api_key: str) -> str:
        """
        Raises:
            Unauthenticated: there is no such key, or not any more.
            Unavailable: identity cannot be asked.
        """
        ...

    def forget(self, api_key: str) -> None:
        """What was given for it is no longer believed; ask anew the next time."""
        ...


class RemoteKeyTrade:
    """Asks identity, and remembers the token until shortly before it expires; the key itself is not kept."""

    def __init__(self, jwks_url: str) -> None:
        self._url = urljoin(jwks_url, EXCHANGE_PATH)
        self._tokens: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[tuple[str, float]]] = {}

    async def trade(self, api_key: str) -> str:
        digest = _digest(api_key)
        token, good_until = self._tokens.get(digest, ("", 0.0))
        if time.monotonic() < good_until:
            return token
        # Requests that come together with the same key share one answer, whichever it is.
        if digest not in self._asking:
            self._asking[digest] = asyncio.create_task(self._ask(api_key))
            self._asking[digest].add_done_callback(lambda _: self._asking.pop(digest, None))
        token, seconds = await asyncio.shield(self._asking[digest])
        self._tokens[digest] = (token, time.monotonic() + seconds - _MARGIN_SECONDS)
        while len(self._tokens) > _KEYS_REMEMBERED:
            self._tokens.popitem(last=False)
        return token

    def forget(self, api_key: str) -> None:
        self._tokens.pop(_digest(api_key), None)

    async def _ask(self, api_key: str) -> tuple[str, float]:
        # identity limits wrong keys by where they come from, which must not be this service for all of them.
        ip = origin.current().ip
        headers = {"X-Forwarded-For": ip} if ip else {}
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                answer = await client.post(self._url, json={"api_key": api_key}, headers=headers)
            # 429: a right key is never limited, so this is one of too many wrong ones.
            if answer.status_code in (401, 422, 429):
                raise Unauthenticated(API_KEY_INVALID, headers=_CHALLENGE)
            traded = answer.raise_for_status().json()
            return str(traded["access_token"]), float(traded["expires_in"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("identity does not trade API keys: %r", error)
            raise Unavailable(KEYS_UNAVAILABLE, headers={"Retry-After": "2"}) from error


def _digest(api_key: str) -> bytes:
    return hashlib.sha256(api_key.encode()).digest()


def is_api_key(credential: str) -> bool:
    """By form and checksum, so that a mistyped one costs identity nothing."""
    if not API_KEY_PATTERN.fullmatch(credential):
        return False
    body, _, checksum = credential.rpartition("_")
    return hashlib.sha256(body.encode()).hexdigest()[:8] == checksum


class Guard(Protocol):
    async def check(self, caller: Principal) -> None: ...

    async def value(self, name: str) -> Any: ...


class Counting(Protocol):
    def count(self, user_id: UUID, *, limit: int) -> None: ...


_bearer = HTTPBearer(auto_error=False, description="The access token of POST /auth/login, or an API key")


async def authenticate(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """Who calls, still with a session, within the requests of this minute, and with a key that reaches this route."""
    caller = await _identify(request, credentials)
    _check_scope(caller, request)
    queries.refuse_unknown(request)
    return caller


async def still_in(request: Request, caller: Principal) -> None:
    """For an answer that takes long: whether the caller would still be let in. Costs nothing between two refreshes.

    Raises:
        Unauthenticated: the session has ended since.
    """
    guard: Guard = request.app.state.platform
    await guard.check(caller)


async def authenticate_enrolling(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """The same for the few routes that set up a second factor: also a login that may do nothing else yet."""
    caller = await _identify(request, credentials)
    if caller.scopes != frozenset({ENROL_SCOPE}):
        _check_scope(caller, request)
    queries.refuse_unknown(request)
    return caller


async def _identify(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Principal:
    if credentials is None:
        raise Unauthenticated(TOKEN_MISSING, headers=_CHALLENGE)
    state = request.app.state
    token = credentials.credentials
    caller = await (_by_key(request, token) if token.startswith("gfk_") else _by_token(request, token))
    guard: Guard = state.platform
    limits: Counting = state.limits
    limits.count(caller.user_id, limit=await guard.value("api.requests_per_minute"))
    return caller


async def _by_token(request: Request, token: str) -> Principal:
    verifier: Verifier = request.app.state.verifier
    guard: Guard = request.app.state.platform
    caller = await verifier.verify(token)
    # Also of somebody who is refused from here on it is known who it was.
    request.state.caller = caller
    await guard.check(caller)
    return caller


async def _by_key(request: Request, api_key: str) -> Principal:
    if not is_api_key(api_key):
        raise Unauthenticated(API_KEY_INVALID, headers=_CHALLENGE)
    trade: KeyTrade = request.app.state.key_trade
    try:
        return await _by_token(request, await trade.trade(api_key))
    except Unauthenticated as error:
        if error.code == API_KEY_INVALID.code:
            raise
    # Its token ended with all of the user's, by a new password for one; the key itself may still stand.
    trade.forget(api_key)
    return await _by_token(request, await trade.trade(api_key))


def _check_scope(caller: Principal, request: Request) -> None:
    if caller.scopes is None:
        return
    if ENROL_SCOPE in caller.scopes:
        raise Forbidden(SECOND_FACTOR_NEEDED)
    needed = needed_scope(request.method, request.url.path)
    if needed is None:
        raise Forbidden(LOGIN_NEEDED)
    if needed not in caller.scopes:
        raise Forbidden(SCOPE_INSUFFICIENT, scope=needed)


def needed_scope(method: str, path: str) -> str | None:
    """The scope that an API key needs for a route; None: no key reaches it."""
    area = path.strip("/").split("/", 1)[0]
    # A search changes nothing; it is a POST for the length of its question.
    verb = READ if method in ("GET", "HEAD") or area == "search" else WRITE
    scope = f"{BELONGS_TO.get(area, area)}:{verb}"
    return scope if scope in SCOPES else None


Caller = Annotated[Principal, Depends(authenticate)]
EnrollingCaller = Annotated[Principal, Depends(authenticate_enrolling)]

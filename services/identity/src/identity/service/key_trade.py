"""What a program gets for its API key: a short access token that reaches as far as the key's scopes."""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, origin
from chassis.auth import is_api_key
from chassis.clock import now
from chassis.database import Database
from chassis.errors import API_KEY_INVALID, Unauthenticated
from contracts.audit import AuditOutcome
from identity.crud import api_keys
from identity.models import ApiKey, User
from identity.ports import Claims, Values
from identity.service.api_keys import secret_hash
from identity.service.attempts import Attempts, Limit
from identity.service.keys import KeyService
from identity.service.networks import host_of
from identity.service.tiers import Tiers

LONGEST = timedelta(minutes=5)
# How often a key's last use is written, and how often the audit log is told of one key that is refused.
_USE_NOTED = timedelta(minutes=1)
_REFUSAL_NOTED = timedelta(hours=1)
# Within a quarter of an hour from one host.
_WRONG_KEYS = 60

# Where the parts of `gfk_<id>_<secret>_<checksum>` stand; the secret may hold the divider too.
_ID, _SECRET = slice(4, 36), slice(37, 80)

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
# What an unknown key's secret is compared with.
_NOBODYS = bytes(32)


@dataclass(frozen=True)
class Traded:
    access_token: str
    expires_in: int


class KeyTradeService:
    """identity's own `chassis.auth.KeyTrade`, and the route that the other services' asks."""

    def __init__(
        self, database: Database, keys: KeyService, attempts: Attempts, tiers: Tiers, *, settings: Values
    ) -> None:
        self._database = database
        self._keys = keys
        self._attempts = attempts
        self._tiers = tiers
        self._settings = settings

    async def trade(self, api_key: str) -> str:
        return (await self.exchange(api_key)).access_token

    def forget(self, api_key: str) -> None:
        """Nothing is remembered here."""

    async def exchange(self, api_key: str) -> Traded:
        """
        Raises:
            Unauthenticated: unknown, expired, revoked, its user is not active, or must have a second factor and has
                none; one answer for all. What was traded before that was asked lives on, 5 minutes at most.
            RateLimited: the same, after too many of these from one place. A right key is never limited.
        """
        if not is_api_key(api_key):
            raise Unauthenticated(API_KEY_INVALID, headers=_CHALLENGE)
        api_key_id, secret = UUID(hex=api_key[_ID]), api_key[_SECRET]
        async with self._database.transaction() as session:
            found = await api_keys.get_with_user(session, api_key_id)
        reason = _reason(found, secret) or (found and await self._lacks_factor(found[1]))
        if found is None or reason is not None:
            await self._refuse(api_key_id if found else None, (found and reason) or "unknown")
        async with self._database.transaction() as session:
            await api_keys.update_used(session, api_key_id, every=_USE_NOTED)
        return await self._sign(*found)

    async def _lacks_factor(self, user: User) -> str | None:
        """A key is no way around what a login of its user would be restricted to."""
        return "second_factor_missing" if await self._tiers.restriction(user.user_id, tier=user.tier) else None

    async def _sign(self, key: ApiKey, user: User) -> Traded:
        minutes = await self._settings.value("security.access_token_minutes")
        # Not longer than the key itself.
        lifetime = min(LONGEST, timedelta(minutes=minutes), key.expires_at - now())
        claims = Claims(user.user_id, user.tier, key.api_key_id, user.token_epoch, scope=" ".join(sorted(key.scopes)))
        token = await self._keys.sign(claims, lifetime=lifetime)
        return Traded(token, int(lifetime.total_seconds()))

    async def _refuse(self, api_key_id: UUID | None, reason: str) -> NoReturn:
        host = host_of(origin.current().ip)
        limit = Limit(self._attempts.key("api key from", host), _WRONG_KEYS, name="wrong_api_keys")
        async with self._database.transaction() as session:
            await self._attempts.count(session, limit)
            if api_key_id is None:
                # Anybody can make ids up: once a window from one host.
                is_told = not await self._attempts.is_first(session, self._attempts.key("api key made up", host))
            else:
                is_told = not await api_keys.update_refused(session, api_key_id, every=_REFUSAL_NOTED)
            if not is_told:
                await _note(session, api_key_id, reason)
        raise Unauthenticated(API_KEY_INVALID, headers=_CHALLENGE)


def _reason(found: tuple[ApiKey, User] | None, secret: str) -> str | None:
    """Why it is refused; None: it is not."""
    right = hmac.compare_digest(secret_hash(secret), found[0].secret_hash if found else _NOBODYS)
    if found is None or not right:
        return "wrong_secret"
    key, user = found
    state = key.state(now())
    if state != "active":
        return state
    return None if user.status == "active" else "user_not_active"


async def _note(session: AsyncSession, api_key_id: UUID | None, reason: str) -> None:
    await audit.record(
        session,
        "api_key.refused",
        actor=None,
        target=f"api_key/{api_key_id}" if api_key_id else None,
        outcome=AuditOutcome.REFUSED,
        reason=reason,
    )

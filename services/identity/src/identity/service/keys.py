"""The keys that sign access tokens. One signs; every published one verifies."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, auth
from chassis.database import Database
from contracts.platform import LONGEST_ACCESS_MINUTES
from identity.crud import signing_keys
from identity.ports import Claims, KeyPair, Signer

# How long verifiers go on with the keys they have fetched.
VERIFIERS_CACHE = timedelta(seconds=auth._CACHE_SECONDS)  # noqa: SLF001  what the verifiers do is the one truth


@dataclass(frozen=True)
class Timing:
    """`cache`: how long each process of identity goes on with the keys it has read; `verifiers_cache`: the others.

    `token_lifetime`: the longest that may be set, because the setting may have been longer when a token was signed.
    """

    cache: timedelta = timedelta(seconds=30)
    verifiers_cache: timedelta = VERIFIERS_CACHE
    token_lifetime: timedelta = timedelta(minutes=LONGEST_ACCESS_MINUTES)
    leeway: timedelta = timedelta(seconds=auth.LEEWAY_SECONDS)

    @property
    def lead(self) -> timedelta:
        """How long a key is published before it signs.

        A process of identity may publish the old list a little longer, and a verifier may have fetched that one.
        Verifiers do ask again for a key they do not know, but only every 10 s.
        """
        return self.cache + self.verifiers_cache

    @property
    def overlap(self) -> timedelta:
        """How long the older keys verify beside it.

        A process signs with the old key until it has read the keys again; that token lives to its end and leeway.
        """
        return self.cache + self.token_lifetime + self.leeway


@dataclass(frozen=True)
class Rotation:
    """The new key signs from `active_from` on; those before it verify until `retired_at`."""

    kid: str
    active_from: datetime
    retired_at: datetime


class KeyService:
    def __init__(self, database: Database, signer: Signer, *, timing: Timing | None = None) -> None:
        self._database = database
        self._signer = signer
        self._timing = timing or Timing()
        self._active: KeyPair | None = None
        self._public: dict[str, Any] = {}
        self._jwks: list[dict[str, Any]] = []
        self._read_at = float("-inf")

    async def sign(self, claims: Claims, *, lifetime: timedelta) -> str:
        await self._refresh()
        assert self._active is not None  # noqa: S101  _refresh makes the first one
        return self._signer.sign(claims, key=self._active, lifetime=lifetime)

    async def jwks(self) -> dict[str, Any]:
        await self._refresh()
        return {"keys": self._jwks}

    async def key(self, kid: str) -> Any | None:
        """The public key by id; makes this service a `chassis.auth.KeySource` for its own tokens."""
        await self._refresh()
        return self._public.get(kid)

    async def rotate(self) -> Rotation:
        """Make the key that signs next, and set the others to retire when nothing they signed is valid any more.

        No valid token is refused meanwhile. Rotating again before the new key signs makes one more, which follows it.
        """
        async with self._database.transaction() as session:
            await signing_keys.lock(session)
            return await self._rotate(session)

    async def rotate_when_older(self, age: timedelta) -> Rotation | None:
        """The schedule's. None: the newest key is not that old, there is none yet, or a replica was faster."""
        async with self._database.transaction() as session:
            if not await signing_keys.is_newest_older(session, age):
                return None
            await signing_keys.lock(session)
            # A replica may have held the lock until now, to do the same.
            if not await signing_keys.is_newest_older(session, age):
                return None
            return await self._rotate(session)

    async def _rotate(self, session: AsyncSession) -> Rotation:
        pair = self._signer.new_key()
        # Before the first token there is nobody to wait for.
        lead = self._timing.lead if await signing_keys.get_active(session) else timedelta(0)
        row = await signing_keys.add(session, kid=pair.kid, sealed=pair.sealed, public_jwk=pair.public_jwk, lead=lead)
        await signing_keys.update_retired(session, successor=row, overlap=self._timing.overlap)
        await audit.record(session, "signing_key.rotated", actor=None, target=f"signing_key/{row.kid}")
        return Rotation(row.kid, row.active_from, row.active_from + self._timing.overlap)

    async def _refresh(self) -> None:
        began = time.monotonic()
        if began - self._read_at < self._timing.cache.total_seconds():
            return
        async with self._database.transaction() as session:
            row = await signing_keys.get_active(session)
            if row is None:
                await signing_keys.lock(session)
                row = await signing_keys.get_active(session)
            if row is None:
                pair = self._signer.new_key()
                row = await signing_keys.add(session, kid=pair.kid, sealed=pair.sealed, public_jwk=pair.public_jwk)
            self._active = KeyPair(row.kid, row.sealed, row.public_jwk)
            self._jwks = await signing_keys.list_public(session)
        self._public = {jwk["kid"]: self._signer.public_key(jwk) for jwk in self._jwks}
        # Not when it ended: what was read may be as old as its beginning, and a rotation counts on that.
        self._read_at = began

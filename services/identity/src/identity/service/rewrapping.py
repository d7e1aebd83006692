"""A change of KEY_ENCRYPTION_KEY: what lives longer than a day is sealed with the first key, so that the old may go.

Those are second factors and the keys that sign access tokens. Letters that wait, and logins on their way to a provider,
are over within a day.
"""

import logging
from collections.abc import Callable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit
from chassis.database import Database
from chassis.sealing import Rewrapped, SealBroken, Sealer
from identity.crud import factors, signing_keys
from identity.service.codes import bound_to as of_factor

log = logging.getLogger(__name__)

BATCH = 100
_FIRST = UUID(int=0)


class RewrapService:
    def __init__(self, database: Database, sealer: Sealer, *, of_key: Callable[[str], str]) -> None:
        """`of_key`: what the signing key of an id is sealed for."""
        self._database = database
        self._sealer = sealer
        self._of_key = of_key

    async def rewrap(self, *, batch: int = BATCH) -> Rewrapped:
        """Seal everything with the first key. What was done stays done; a repetition does the rest.

        For the operator, who has the key-encryption keys anyway.
        """
        total, after = await self._keys(), _FIRST
        while True:
            done, last = await self._factors(after, batch)
            total += done
            if last is None:
                return total
            after = last

    async def _keys(self) -> Rewrapped:
        """Those whose time is over sign nothing any more, and stay as they are."""
        done = Rewrapped()
        async with self._database.transaction() as session:
            await signing_keys.lock(session)
            for key in await signing_keys.lock_published(session):
                fresh, count = self._fresh(key.sealed, bound_to=self._of_key(key.kid))
                done += count
                if fresh is not None:
                    key.sealed = fresh
            await _note(session, done)
        return done

    async def _factors(self, after: UUID, limit: int) -> tuple[Rewrapped, UUID | None]:
        done = Rewrapped()
        async with self._database.transaction() as session:
            found = await factors.lock_page(session, after=after, limit=limit)
            for factor in found:
                fresh, count = self._fresh(factor.sealed, bound_to=of_factor(factor.user_id))
                done += count
                if fresh is not None:
                    factor.sealed = fresh
            await _note(session, done)
        return done, found[-1].user_id if len(found) == limit else None

    def _fresh(self, record: bytes, *, bound_to: str) -> tuple[bytes | None, Rewrapped]:
        if self._sealer.is_current(record):
            return None, Rewrapped(current=1)
        try:
            return self._sealer.seal(self._sealer.open(record, bound_to=bound_to), bound_to=bound_to), Rewrapped(1)
        except SealBroken as error:
            log.warning("what is sealed for %s does not open: %s", bound_to, error)
            return None, Rewrapped(broken=1)


async def _note(session: AsyncSession, done: Rewrapped) -> None:
    if done.rewrapped:
        await audit.record(session, "secrets.rewrapped", actor=None, rewrapped=done.rewrapped)

"""Providers' API keys: sealed before they reach the database, opened only to be sent to the place they are for."""

import logging
from uuid import UUID

from chassis import audit, tenant
from chassis.database import Database
from chassis.sealing import Rewrapped, SealBroken, Sealer
from org_partner.crud import llm_settings
from org_partner.crud.llm_settings import SealedKey
from org_partner.service import permission

log = logging.getLogger(__name__)

BATCH = 100
_FIRST = UUID(int=0)


class LlmKeys:
    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal(self, secret: str, *, org_id: UUID, settings_id: UUID) -> bytes:
        return self._sealer.seal(secret, bound_to=_bound_to(org_id, settings_id))

    def open(self, key: SealedKey) -> str:
        """
        Raises:
            SealBroken: altered, another row's, or sealed with a key that is not here.
        """
        return self._sealer.open(key.record, bound_to=_bound_to(key.org_id, key.settings_id))

    def is_current(self, key: SealedKey) -> bool:
        return self._sealer.is_current(key.record)

    def rewrapped(self, key: SealedKey) -> SealedKey:
        """
        Raises:
            SealBroken: as `open`.
        """
        record = self.seal(self.open(key), org_id=key.org_id, settings_id=key.settings_id)
        return SealedKey(key.org_id, key.settings_id, record)


class LlmKeyService:
    def __init__(self, database: Database, keys: LlmKeys) -> None:
        self._database = database
        self._keys = keys

    async def rewrap(self, *, batch: int = BATCH) -> Rewrapped:
        """Seal every key with the first of KEY_ENCRYPTION_KEY's. What was done stays done; a repetition does the rest.

        For the operator, who has the key-encryption keys anyway.
        """
        total, after = Rewrapped(), _FIRST
        while True:
            done, last = await self._rewrap_batch(after, batch)
            total += done
            if last is None:
                return total
            after = last

    async def _rewrap_batch(self, after: UUID, limit: int) -> tuple[Rewrapped, UUID | None]:
        scope = permission.of_operator()
        async with self._database.transaction(tenant.PLATFORM) as session:
            found = await llm_settings.list_keys(session, scope, after=after, limit=limit)
            done = Rewrapped()
            for key in found:
                fresh = self._fresh(key)
                done += _counted(key, fresh)
                if fresh is not None and fresh is not key:
                    await llm_settings.update_record(session, scope, fresh)
            if done.rewrapped:
                await audit.record(session, "llm_keys.rewrapped", actor=None, rewrapped=done.rewrapped)
        return done, found[-1].settings_id if len(found) == limit else None

    def _fresh(self, key: SealedKey) -> SealedKey | None:
        """The key itself when it is current; None when it does not open."""
        if self._keys.is_current(key):
            return key
        try:
            return self._keys.rewrapped(key)
        except SealBroken as error:
            log.warning("the key of LLM settings %s does not open: %s", key.settings_id, error)
            return None


def _counted(key: SealedKey, fresh: SealedKey | None) -> Rewrapped:
    if fresh is None:
        return Rewrapped(broken=1)
    return Rewrapped(current=1) if fresh is key else Rewrapped(rewrapped=1)


def _bound_to(org_id: UUID, settings_id: UUID) -> str:
    return f"llm_settings:{org_id}:{settings_id}:api_key"

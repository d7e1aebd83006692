"""API keys as their owner sees them. What a program does with one is in `key_trade`."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, outbox
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import SESSION_ENDED, Conflict, NotFound, Unauthenticated
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.identity import SessionRevoked
from identity.crud import api_keys, users
from identity.crud.scopes import Own
from identity.errors import (
    API_KEY_ENDED,
    API_KEY_NAME_TAKEN,
    API_KEY_NOT_FOUND,
    API_KEY_ROTATING,
    API_KEYS_FULL,
)
from identity.models import ApiKey, User
from identity.service import permission

MOST_KEYS = 20
# The old one and its successor: a program changes over from one to the other without a gap.
MOST_OF_ONE_NAME = 2


@dataclass(frozen=True)
class Issued:
    """`api_key` exists here alone; the row has only its secret's hash."""

    row: ApiKey
    api_key: str


def secret_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _written(api_key_id: UUID, secret: str) -> str:
    body = f"gfk_{api_key_id.hex}_{secret}"
    return f"{body}_{hashlib.sha256(body.encode()).hexdigest()[:8]}"


class ApiKeyService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, caller: Principal, *, name: str, scopes: Sequence[str], lifetime: timedelta) -> Issued:
        """
        Raises:
            Conflict: too many keys, or an active one of that name.
        """
        own = permission.own(caller)
        async with self._database.transaction() as session:
            await self._lock(session, caller)
            if name in await self._room(session, own):
                raise Conflict(API_KEY_NAME_TAKEN)
            issued = await self._add(session, own, name=name, scopes=scopes, lifetime=lifetime)
            await self._note(session, caller, "api_key.created", issued.row)
        return issued

    async def list_own(self, caller: Principal, page: Slice, *, state: str | None) -> Sequence[ApiKey]:
        async with self._database.transaction() as session:
            return await api_keys.list_page(session, permission.own(caller), page, state=state)

    async def rotate(
        self, caller: Principal, api_key_id: UUID, *, lifetime: timedelta | None, keep: timedelta
    ) -> Issued:
        """A successor of the same name and scopes; the old key lives for `keep` more, and ends at once when that is 0.

        `lifetime` None: as long as the old one was to live.

        Raises:
            NotFound: the caller has no such key.
            Conflict: it has ended, it has a successor already, or there are too many keys.
        """
        own = permission.own(caller)
        async with self._database.transaction() as session:
            await self._lock(session, caller)
            old = await self._get(session, own, api_key_id)
            if old.state(now()) != "active":
                raise Conflict(API_KEY_ENDED)
            lifetime = lifetime or old.expires_at - old.created_at
            if not keep:
                # First, for it makes the room that its successor takes.
                await self._end(session, caller, api_key_id)
            if (await self._room(session, own)).count(old.name) >= MOST_OF_ONE_NAME:
                raise Conflict(API_KEY_ROTATING)
            issued = await self._add(session, own, name=old.name, scopes=old.scopes, lifetime=lifetime)
            if keep:
                await api_keys.update_expiry(session, own, api_key_id, lifetime=keep)
            await self._note(session, caller, "api_key.rotated", issued.row, replaces=str(api_key_id))
        return issued

    async def revoke(self, caller: Principal, api_key_id: UUID) -> None:
        """It is refused everywhere within moments. Again: nothing changes.

        Raises:
            NotFound: the caller has no such key.
        """
        own = permission.own(caller)
        async with self._database.transaction() as session:
            await api_keys.lock(session, own)
            key = await self._get(session, own, api_key_id)
            if await self._end(session, caller, api_key_id):
                await self._note(session, caller, "api_key.revoked", key)

    async def revoke_all(self, session: AsyncSession, user: User, *, reason: str) -> None:
        """Of a user whose row is locked, with nobody asking for it; a new epoch must end the tokens they got."""
        for key in await api_keys.update_all_revoked(session, user.user_id):
            target = f"api_key/{key.api_key_id}"
            await audit.record(session, "api_key.revoked", actor=None, target=target, scopes=key.scopes, reason=reason)

    async def forget(self, session: AsyncSession, user_id: UUID) -> None:
        """End all keys of a user who goes, and forget what they were called; the epoch ends their tokens."""
        await api_keys.update_all_forgotten(session, user_id)

    async def _lock(self, session: AsyncSession, caller: Principal) -> None:
        """
        Raises:
            Unauthenticated: the session ended while this waited: with it went the keys, and there must be no new one.
        """
        await api_keys.lock(session, permission.own(caller))
        user = await users.lock(session, caller.user_id)
        if user is None or user.status != "active" or user.token_epoch != caller.token_epoch:
            raise Unauthenticated(SESSION_ENDED)

    async def _get(self, session: AsyncSession, own: Own, api_key_id: UUID) -> ApiKey:
        key = await api_keys.get(session, own, api_key_id)
        if key is None:
            raise NotFound(API_KEY_NOT_FOUND)
        return key

    async def _room(self, session: AsyncSession, own: Own) -> list[str]:
        names = await api_keys.list_active_names(session, own)
        if len(names) >= MOST_KEYS:
            raise Conflict(API_KEYS_FULL, limit=MOST_KEYS)
        return names

    async def _add(
        self, session: AsyncSession, own: Own, *, name: str, scopes: Sequence[str], lifetime: timedelta
    ) -> Issued:
        api_key_id, secret = new_id(), secrets.token_urlsafe(32)
        row = await api_keys.add(
            session,
            own,
            api_key_id=api_key_id,
            name=name,
            secret_hash=secret_hash(secret),
            scopes=scopes,
            lifetime=lifetime,
        )
        return Issued(row, _written(api_key_id, secret))

    async def _end(self, session: AsyncSession, caller: Principal, api_key_id: UUID) -> bool:
        if not await api_keys.update_revoked(session, permission.own(caller), api_key_id):
            return False
        ids = {"user_id": caller.user_id, "session_id": api_key_id}
        await outbox.add(session, SessionRevoked(**ids, token_epoch=caller.token_epoch, revoked_at=now()))
        return True

    async def _note(self, session: AsyncSession, caller: Principal, action: str, key: ApiKey, **detail: Any) -> None:
        target = f"api_key/{key.api_key_id}"
        await audit.record(session, action, actor=caller, target=target, scopes=key.scopes, **detail)

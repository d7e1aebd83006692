"""What identity decides for everybody: who is locked out, and how the platform is set.

A service keeps both in two small tables of its own, fed by its subscriber `follow_platform`, so it needs identity for
neither. Every process reads them again when its copy is older than two seconds: a revocation or a setting acts
everywhere within moments, and costs a request nothing.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from chassis.auth import Principal
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import SESSION_ENDED, Unauthenticated
from chassis.tables import PlatformTables
from contracts.envelope import CloudEvent
from contracts.event import Event
from contracts.identity import PlatformSettingsChanged, SessionRevoked, UserChanged
from contracts.platform import LONGEST_ACCESS_MINUTES, SETTINGS

if TYPE_CHECKING:
    # An HTTP door has no use for the message bus, whose libraries take 10 MB.
    from chassis.fate import Handler

REFRESH_SECONDS = 2.0
# Whatever token was made before a revocation that is older than this has expired by itself.
MEMORY = timedelta(minutes=2 * LONGEST_ACCESS_MINUTES)


@dataclass(frozen=True)
class Snapshot:
    sessions: frozenset[UUID] = frozenset()
    epochs: Mapping[UUID, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """Where a service reads what identity decided: its projection, or identity's own tables."""

    async def read(self) -> Snapshot: ...


class ProjectedSource:
    def __init__(self, database: Database, tables: PlatformTables) -> None:
        self._database = database
        self._tables = tables

    async def read(self) -> Snapshot:
        revocations, settings = self._tables.revocations.c, self._tables.settings.c
        recent = select(revocations.subject_id, revocations.least_epoch).where(
            revocations.revoked_at > func.now() - MEMORY
        )
        async with self._database.transaction() as session:
            revoked = (await session.execute(recent)).all()
            values = (await session.execute(select(settings.name, settings.value))).all()
        return Snapshot(
            sessions=frozenset(row.subject_id for row in revoked if row.least_epoch is None),
            epochs={row.subject_id: row.least_epoch for row in revoked if row.least_epoch is not None},
            # One that was taken back has none: its default holds, also the one that a later version brings.
            settings={row.name: row.value for row in values if row.value is not None},
        )


class Platform:
    """A process's view. Every request asks `check`; whoever needs a setting asks `value`."""

    def __init__(self, source: Source, *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._source = source
        self._refresh_seconds = refresh_seconds
        self._snapshot = Snapshot()
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def check(self, caller: Principal) -> None:
        """
        Raises:
            Unauthenticated: the session ended, or every session of the user before now.
            Unavailable: the database cannot be asked.
        """
        known = await self._fresh()
        if caller.session_id in known.sessions or caller.token_epoch < known.epochs.get(caller.user_id, 0):
            raise Unauthenticated(SESSION_ENDED, headers={"WWW-Authenticate": "Bearer"})

    async def value(self, name: str) -> Any:
        """The setting's value, or its default; KeyError for a name that `contracts.platform` does not have."""
        return (await self._fresh()).settings.get(name, SETTINGS[name].default)

    async def _fresh(self) -> Snapshot:
        if time.monotonic() - self._read_at > self._refresh_seconds:
            async with self._lock:
                if time.monotonic() - self._read_at > self._refresh_seconds:
                    began = time.monotonic()
                    self._snapshot = await self._source.read()
                    self._read_at = began
        return self._snapshot


def follower(database: Database, tables: PlatformTables) -> "Handler":
    """A service's subscriber `follow_platform`; right in any order of arrival."""

    async def follow_platform(event: CloudEvent[Any], delivery: Delivery) -> None:
        async with database.transaction(once=delivery) as session:
            await _apply(session, tables, event.data)
            await session.execute(
                delete(tables.revocations).where(tables.revocations.c.revoked_at < func.now() - MEMORY)
            )

    return follow_platform


async def _apply(session: AsyncSession, tables: PlatformTables, fact: Event) -> None:
    match fact:
        case SessionRevoked(session_id=UUID() as session_id):
            await _revoke(session, tables, session_id, least_epoch=None)
        case SessionRevoked() | UserChanged():
            await _revoke(session, tables, fact.user_id, least_epoch=fact.token_epoch)
        case PlatformSettingsChanged():
            values = {"name": fact.name, "value": fact.value}
            await projection.upsert(session, tables.settings, version=fact.version, **values)


async def _revoke(session: AsyncSession, tables: PlatformTables, subject_id: UUID, *, least_epoch: int | None) -> None:
    table = tables.revocations
    # Every user starts at epoch 0: that one locks nobody out, and need not be kept.
    if least_epoch == 0:
        return
    statement = insert(table).values(subject_id=subject_id, least_epoch=least_epoch)
    newer = or_(table.c.least_epoch.is_(None), table.c.least_epoch < statement.excluded.least_epoch)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.subject_id],
            set_={"least_epoch": statement.excluded.least_epoch, "revoked_at": func.now()},
            where=newer,
        )
    )

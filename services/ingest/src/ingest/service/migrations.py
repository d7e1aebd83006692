"""Moving one vector index to another while everybody goes on working: what supervisors decide.

plan → start (both are written, the old documents are brought) → verify → shadow → switch (an org, a share, all) → hold
→ finalise (or rollback, in one event) → drop, with a backup. An index is a backend, an embedding model and its
dimension, so that pgvector to Qdrant and one model to another are the same thing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict, Forbidden, Invalid, NotFound
from chassis.ids import new_id
from chassis.paging import Slice
from ingest.crud import chunks, documents, indexes, migrations
from ingest.errors import (
    BACKUP_MISSING,
    CHECK_NOT_FOUND,
    INDEX_IN_USE,
    INDEX_PAUSED,
    INDEX_RETIRING,
    INDEX_UNKNOWN,
    MIGRATION_NOT_FOUND,
    NOT_PROVEN,
    READS_MOVED,
    READS_NOT_MOVED,
    STILL_HELD,
    SUPERVISORS_ALONE,
    SWITCH_EMPTY,
    TARGET_BEHIND,
    TARGET_FAILING,
    WRONG_STAGE,
)
from ingest.models import OPEN, Stage, VectorCheck, VectorIndex, VectorMigration, Verdict
from ingest.service import reads
from ingest.service.indexing import Indexes, IndexName, index_errors

__all__ = ["MigrationService", "Stage", "Status", "VectorCheck", "VectorIndex", "VectorMigration", "Verdict"]

# A proof of what was an hour ago is none of what is now.
FRESH = timedelta(hours=1)
# A target that is further behind than this would answer with what is no longer so.
BEHIND_SECONDS = 60.0


@dataclass(frozen=True)
class Status:
    """How far a migration is. `told`: documents that the target holds as they are; `due`: those that it has yet to be
    told of; `left`: those that the backfill has not come to.
    """

    migration: VectorMigration
    documents: int
    told: int
    due: int
    behind_seconds: float
    to_embed: int
    errors: list[dict[str, Any]]
    check: VectorCheck | None

    @property
    def left(self) -> int:
        return max(self.documents - self.told - self.due, 0)


class MigrationService:
    def __init__(self, database: Database, stores: Indexes, *, hold: timedelta) -> None:
        self._database = database
        self._stores = stores
        self._hold = hold

    async def list_indexes(self, caller: Principal) -> list[VectorIndex]:
        """Raises Forbidden."""
        async with self._database.transaction(_supervisor(caller)) as session:
            return await indexes.list_all(session)

    async def plan(self, caller: Principal, target: IndexName, *, rate: int) -> VectorMigration:
        """A migration from the primary index to this one; nothing happens yet.

        Raises:
            Forbidden.
            Invalid: the settings say nothing of the target.
            Conflict: it is the primary index, another migration leads there, or it is being dropped or restored.
        """
        context = _supervisor(caller)
        if not self._stores.known(target.index_id):
            raise Invalid(INDEX_UNKNOWN, index=target.index_id)
        async with self._database.transaction(context) as session:
            primary = await indexes.get_primary(session)
            if primary is None:
                raise Conflict(WRONG_STAGE, stage="-", allowed="-")
            row = await indexes.add(session, index_id=target.index_id, **target._asdict())
            await _demand_unused(session, row)
            ends = {"source_id": primary.index_id, "target_id": target.index_id}
            migration = await migrations.add(
                session, migration_id=new_id(), rate=rate, started_by=caller.user_id, **ends
            )
            await _record(session, caller, "vectors.planned", migration)
        return migration

    async def list_page(self, caller: Principal, page: Slice, *, stage: Stage | None) -> list[VectorMigration]:
        """Raises Forbidden."""
        async with self._database.transaction(_supervisor(caller)) as session:
            return await migrations.list_page(session, page, stage=stage)

    async def status(self, caller: Principal, migration_id: UUID) -> Status:
        """Raises Forbidden, NotFound."""
        async with self._database.transaction(_supervisor(caller)) as session:
            migration = await migrations.get(session, migration_id)
            if migration is None:
                raise NotFound(MIGRATION_NOT_FOUND)
            source, target = IndexName.parse(migration.source_id), IndexName.parse(migration.target_id)
            errors = await indexes.list_errors(session, migration.target_id, limit=20)
            return Status(
                migration=migration,
                documents=await documents.count_searchable(session),
                told=await indexes.count_told(session, migration.target_id),
                due=await indexes.count_due(session, migration.target_id),
                behind_seconds=await indexes.oldest_due_seconds(session, migration.target_id),
                # Of one model all is embedded already, and looking takes a second of a million chunks.
                to_embed=0
                if source.model == target.model
                else await chunks.count_to_embed(session, model=target.model),
                errors=[{"document_id": each.document_id, "error": each.error} for each in errors],
                check=await migrations.get_check(session, migration_id),
            )

    async def start(self, caller: Principal, migration_id: UUID) -> VectorMigration:
        """Write both indexes from now on, and bring to the target what there is.

        Raises:
            Forbidden, NotFound.
            Conflict: it was started already, or the target is being restored.
            Unavailable: the target cannot be made.
        """
        async with self._database.transaction(_supervisor(caller)) as session:
            found = await migrations.get(session, migration_id)
            if found is None:
                raise NotFound(MIGRATION_NOT_FOUND)
        store = await self._stores.get(found.target_id)
        async with index_errors():
            await store.ensure_index()

        async def begin(session: AsyncSession, migration: VectorMigration) -> None:
            target = await indexes.get_for_update(session, migration.target_id)
            await _demand_settled(session, target.index_id)
            target.is_written, target.is_paused, target.is_made = True, False, True
            await indexes.forget_all(session, migration.target_id)
            migration.stage, migration.started_at = Stage.BACKFILLING.value, now()

        return await self._change(caller, migration_id, (Stage.PLANNED,), begin, act="vectors.started")

    async def pause(self, caller: Principal, migration_id: UUID, *, paused: bool) -> VectorMigration:
        """Let the target wait, or go on. Raises Forbidden, NotFound, Conflict."""

        async def set_paused(session: AsyncSession, migration: VectorMigration) -> None:
            target = await indexes.get_for_update(session, migration.target_id)
            if paused and target.is_read:
                raise Conflict(READS_MOVED)
            target.is_paused = migration.is_paused = paused

        act = "vectors.paused" if paused else "vectors.resumed"
        return await self._change(caller, migration_id, (Stage.BACKFILLING, Stage.FILLED), set_paused, act=act)

    async def set_rate(self, caller: Principal, migration_id: UUID, *, rate: int) -> VectorMigration:
        """Documents a second. Raises Forbidden, NotFound, Conflict."""

        async def set_it(_session: AsyncSession, migration: VectorMigration) -> None:
            migration.rate = rate

        return await self._change(caller, migration_id, (Stage.PLANNED, Stage.BACKFILLING), set_it, act="vectors.paced")

    async def verify(self, caller: Principal, migration_id: UUID) -> VectorCheck:
        """Ask for a proof; the worker makes it. Raises Forbidden, NotFound, Conflict: not all is brought yet."""
        made: list[VectorCheck] = []

        async def ask(session: AsyncSession, migration: VectorMigration) -> None:
            made.append(await migrations.add_check(session, migration.migration_id))

        await self._change(caller, migration_id, (Stage.FILLED,), ask, act="vectors.verification_asked")
        return made[0]

    async def check(self, caller: Principal, migration_id: UUID, check_id: UUID | None) -> VectorCheck:
        """A check, or the newest one. Raises Forbidden, NotFound."""
        async with self._database.transaction(_supervisor(caller)) as session:
            found = await migrations.get_check(session, migration_id, check_id)
        if found is None:
            raise NotFound(CHECK_NOT_FOUND)
        return found

    async def list_checks(self, caller: Principal, migration_id: UUID, page: Slice) -> list[VectorCheck]:
        """Raises Forbidden, NotFound."""
        async with self._database.transaction(_supervisor(caller)) as session:
            if await migrations.get(session, migration_id) is None:
                raise NotFound(MIGRATION_NOT_FOUND)
            return await migrations.list_checks(session, migration_id, page)

    async def shadow(self, caller: Principal, migration_id: UUID, *, share: int) -> VectorMigration:
        """Ask the target too, for `share` of 100 searches, and compare. Raises Forbidden, NotFound, Conflict."""

        async def set_share(session: AsyncSession, migration: VectorMigration) -> None:
            migration.shadow_share = share
            await session.flush()
            await reads.tell(session)

        return await self._change(caller, migration_id, (Stage.FILLED,), set_share, act="vectors.shadowed")

    async def switch(
        self, caller: Principal, migration_id: UUID, *, everybody: bool, org_ids: Sequence[UUID], share: int
    ) -> VectorMigration:
        """Let searches read the target: everybody's, those of some orgs, those of `share` of 100 users.

        Raises:
            Forbidden, NotFound.
            Invalid: nothing is to move.
            Conflict: not all is brought; no green report of the last hour; the target is behind.
        """
        if not (everybody or org_ids or share):
            raise Invalid(SWITCH_EMPTY)

        async def move(session: AsyncSession, migration: VectorMigration) -> None:
            await self._demand_proof(session, migration)
            migration.all_read, migration.org_ids, migration.share = everybody, list(org_ids), share
            migration.switched_at = now()
            (await indexes.get_for_update(session, migration.target_id)).is_read = True
            await session.flush()
            await reads.tell(session)

        return await self._change(caller, migration_id, (Stage.FILLED,), move, act="vectors.switched")

    async def rollback(self, caller: Principal, migration_id: UUID) -> VectorMigration:
        """Let all searches read the source again, at once. Both go on being written. Raises as `pause`."""

        async def move_back(session: AsyncSession, migration: VectorMigration) -> None:
            migration.all_read, migration.org_ids, migration.share = False, [], 0
            migration.switched_at = None
            (await indexes.get_for_update(session, migration.target_id)).is_read = False
            await session.flush()
            await reads.tell(session)

        return await self._change(caller, migration_id, (Stage.FILLED,), move_back, act="vectors.rolled_back")

    async def finalise(self, caller: Principal, migration_id: UUID, *, early: bool) -> VectorMigration:
        """The target is the primary index from now on, and the source is written no more.

        Raises:
            Forbidden, NotFound.
            Conflict: not all reads are there; it is still held, and not asked for `early`; the target is behind.
        """

        async def close(session: AsyncSession, migration: VectorMigration) -> None:
            if not migration.all_read or migration.switched_at is None:
                raise Conflict(READS_NOT_MOVED)
            until = migration.switched_at + self._hold
            if not early and now() < until:
                raise Conflict(STILL_HELD, until=until.isoformat(timespec="minutes"))
            await self._demand_caught_up(session, migration)
            source = await indexes.get_for_update(session, migration.source_id)
            target = await indexes.get_for_update(session, migration.target_id)
            source.is_primary = source.is_written = source.is_read = False
            # The database knows one primary index at a time.
            await session.flush()
            target.is_primary, target.is_read = True, False
            migration.stage, migration.ended_at = Stage.FINALISED.value, now()
            migration.all_read, migration.shadow_share = False, 0
            await session.flush()
            for other in await migrations.list_open(session):
                other.source_id = migration.target_id
            await session.flush()
            await reads.tell(session)

        return await self._change(caller, migration_id, (Stage.FILLED,), close, act="vectors.finalised")

    async def cancel(self, caller: Principal, migration_id: UUID) -> VectorMigration:
        """Give it up: the target is written no more. Raises Forbidden, NotFound, Conflict: some reads are there."""

        async def give_up(session: AsyncSession, migration: VectorMigration) -> None:
            if migration.is_read:
                raise Conflict(READS_MOVED)
            target = await indexes.get_for_update(session, migration.target_id)
            target.is_written = target.is_read = target.is_paused = migration.is_paused = False
            migration.stage, migration.ended_at = Stage.CANCELLED.value, now()
            migration.shadow_share = 0
            await session.flush()
            await reads.tell(session)

        return await self._change(caller, migration_id, OPEN, give_up, act="vectors.cancelled")

    async def drop(self, caller: Principal, migration_id: UUID, *, lost: bool = False) -> VectorMigration:
        """Remove the index that is written no more, after a backup of it. The worker does it. Raises as `pause`.

        `lost`: its server is gone for good. Nothing is asked of it and no backup is made; it is forgotten, and
        deletions wait for it no longer.
        """

        async def begin(session: AsyncSession, migration: VectorMigration) -> None:
            if migration.stage == Stage.DROPPING:
                # A run of before waits for its server no longer; what it has written already stays.
                migration.backup = {**(migration.backup or {}), "lost": True}
                migration.error = migration.lease_id = migration.leased_until = None
                return
            is_given_up = migration.stage == Stage.CANCELLED
            unused_id = migration.target_id if is_given_up else migration.source_id
            await _demand_unused(session, await indexes.get_for_update(session, unused_id))
            migration.stage, migration.error = Stage.DROPPING.value, None
            # Of one that was restored, the file of before is all that there is when it is lost.
            kept = {**(migration.backup or {}), "lost": True} if lost else {}
            migration.backup = {**kept, "index_id": unused_id}

        # One that is at it already may turn out to be lost.
        stages = (Stage.FINALISED, Stage.CANCELLED, *((Stage.DROPPING,) if lost else ()))
        return await self._change(
            caller, migration_id, stages, begin, act="vectors.lost" if lost else "vectors.dropped"
        )

    async def restore(self, caller: Principal, migration_id: UUID) -> VectorMigration:
        """Make the dropped index again from its backup. The worker does it.

        Raises:
            Forbidden, NotFound.
            Conflict: it is not dropped, there is no backup, or the index is in use again.
        """

        async def begin(session: AsyncSession, migration: VectorMigration) -> None:
            backup = migration.backup or {}
            if "key" not in backup:
                raise Conflict(BACKUP_MISSING)
            await _demand_unused(session, await indexes.get_for_update(session, backup["index_id"]))
            migration.stage, migration.error = Stage.RESTORING.value, None

        return await self._change(caller, migration_id, (Stage.DROPPED,), begin, act="vectors.restored")

    async def _change(
        self,
        caller: Principal,
        migration_id: UUID,
        stages: Sequence[Stage],
        change: Callable[[AsyncSession, VectorMigration], Awaitable[None]],
        *,
        act: str,
    ) -> VectorMigration:
        async with self._database.transaction(_supervisor(caller)) as session:
            migration = await migrations.get_for_update(session, migration_id)
            if migration is None:
                raise NotFound(MIGRATION_NOT_FOUND)
            if migration.stage not in stages:
                allowed = ", ".join(stage.value for stage in stages)
                raise Conflict(WRONG_STAGE, stage=migration.stage, allowed=allowed)
            await change(session, migration)
            await _record(session, caller, act, migration)
        return migration

    async def _demand_proof(self, session: AsyncSession, migration: VectorMigration) -> None:
        check = await migrations.get_check(session, migration.migration_id)
        if check is None or check.verdict != Verdict.GREEN or check.began_at is None or check.began_at < now() - FRESH:
            raise Conflict(NOT_PROVEN, minutes=int(FRESH.total_seconds() // 60))
        await self._demand_caught_up(session, migration)

    async def _demand_caught_up(self, session: AsyncSession, migration: VectorMigration) -> None:
        if migration.is_paused:
            raise Conflict(INDEX_PAUSED)
        failing = await indexes.count_failing(session, migration.target_id)
        if failing:
            raise Conflict(TARGET_FAILING, documents=failing)
        behind = await indexes.oldest_due_seconds(session, migration.target_id)
        if behind > BEHIND_SECONDS:
            raise Conflict(TARGET_BEHIND, seconds=round(behind))


async def _demand_unused(session: AsyncSession, index: VectorIndex) -> None:
    """The row is locked. Raises Conflict."""
    if index.is_written or await migrations.list_open_to(session, index.index_id):
        raise Conflict(INDEX_IN_USE, index=index.index_id)
    await _demand_settled(session, index.index_id)


async def _demand_settled(session: AsyncSession, index_id: str) -> None:
    if await migrations.list_retiring(session, index_id):
        raise Conflict(INDEX_RETIRING, index=index_id)


def _supervisor(caller: Principal) -> tenant.Context:
    """Proof that the caller runs the platform. Raises Forbidden."""
    if not caller.is_supervisor:
        raise Forbidden(SUPERVISORS_ALONE)
    return tenant.of(caller)


async def _record(session: AsyncSession, caller: Principal, act: str, migration: VectorMigration) -> None:
    await audit.record(
        session,
        act,
        actor=caller,
        target=f"migration/{migration.migration_id}",
        source_index=migration.source_id,
        target_index=migration.target_id,
    )

"""What a worker does for migrations: bringing the old documents, proving, dropping and restoring.

Everything stands in the rows, so that whoever goes on after a kill goes on where it ended.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Invalid, Unavailable
from contracts.rag import ShadowSearchesCompared
from ingest.crud import indexes, migrations, pending_objects
from ingest.models import Stage, VectorCheck, VectorMigration, Verdict
from ingest.service.backups import BackupService
from ingest.service.indexing import Indexes, index_errors
from ingest.service.proofs import Note, ProofService
from retrieval.errors import IndexMissing

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
# Before a drop or a restore that failed is tried again.
PAUSE = timedelta(seconds=30)
# A document that was marked within this time is on its way and not left behind.
ON_ITS_WAY_SECONDS = 5.0


class LostCheck(Exception):
    """Another worker makes this proof now."""


class MigrationWork:
    """`backup_days`: how long the file of a dropped index is kept; 0 for ever."""

    def __init__(
        self,
        database: Database,
        stores: Indexes,
        proofs: ProofService,
        backups: BackupService,
        *,
        backup_days: int = 0,
    ) -> None:
        self._backup_days = backup_days
        self._database = database
        self._stores = stores
        self._proofs = proofs
        self._backups = backups

    async def backfill(self) -> bool:
        """Mark a second's worth of documents for each target that is being filled. False: none is. Raises Unavailable.

        Marking is what this does; telling the target of a marked document is the sweep's, as of any other.
        """
        async with self._database.transaction(tenant.PLATFORM) as session:
            filling = await migrations.list_in_for_update(session, Stage.BACKFILLING)
            for migration in filling:
                if not migration.is_paused:
                    await self._mark(session, migration)
        return bool(filling)

    async def _mark(self, session: AsyncSession, migration: VectorMigration) -> None:
        waiting = await indexes.count_never_told(session, migration.target_id)
        if waiting < migration.rate:
            last = await indexes.mark_batch_due(
                session, migration.target_id, after=migration.marked_to, limit=migration.rate
            )
            if last is not None:
                migration.marked_to = last
            elif not waiting and await indexes.oldest_due_seconds(session, migration.target_id) < ON_ITS_WAY_SECONDS:
                migration.stage, migration.filled_at = Stage.FILLED.value, now()
                log.info("%s holds all that %s holds", migration.target_id, migration.source_id)

    async def check(self) -> bool:
        """Make one proof that was asked for. False: none was. Raises Unavailable."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            await migrations.reask_checks(session, older_than=10 * LEASE)
            check = await migrations.take_check(session)
            migration = None if check is None else await migrations.get(session, check.migration_id)
        if check is None or migration is None:
            return False

        async def note(progress: float) -> None:
            with suppress(Unavailable):
                await self._note(check, progress=round(progress, 3))

        with suppress(LostCheck):
            report = await self._report(migration, note=note)
            verdict = Verdict.GREEN if report["is_green"] else Verdict.RED
            await self._note(check, verdict=verdict.value, progress=1.0, report=report, ended_at=now())
        return True

    async def _report(self, migration: VectorMigration, *, note: Note) -> dict[str, Any]:
        """Raises LostCheck."""
        try:
            return await self._proofs.prove(migration, note=note)
        except LostCheck:
            raise
        except Exception as error:
            # Whatever it is: a proof that cannot be made is none, and whoever asked for it is told.
            log.exception("the proof of %s could not be made", migration.target_id)
            return {"is_green": False, "error": repr(error)[:500], "ended_at": now().isoformat()}

    async def _note(self, check: VectorCheck, **values: object) -> None:
        async with self._database.transaction(tenant.PLATFORM) as session:
            if not await migrations.update_check(session, check, **values):
                raise LostCheck

    async def retire(self) -> bool:
        """Drop, or restore, one index of which that was asked. False: none was. Raises Unavailable."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            migration = await migrations.take_work(session, (Stage.DROPPING, Stage.RESTORING), lasting=LEASE)
        if migration is None:
            return False
        async with self._kept(migration):
            try:
                async with index_errors():
                    await (self._drop(migration) if migration.stage == Stage.DROPPING else self._restore(migration))
            except (Invalid, FileNotFoundError) as error:
                # It cannot be brought back, now or later: the stage is as before, and says why.
                await self._end(migration, stage=Stage.DROPPED, error=str(error))
            except LookupError:
                log.warning("%s went to another worker", migration.migration_id)
        return True

    async def tidy(self) -> None:
        """Remove the backups of indexes that were dropped long ago. Raises Unavailable."""
        if not self._backup_days:
            return
        async with self._database.transaction(tenant.PLATFORM) as session:
            for row in await migrations.list_with_backup_before(session, now() - timedelta(days=self._backup_days)):
                backup = row.backup or {}
                # The sweep of files that nobody has any more deletes it.
                await pending_objects.discard(session, backup["key"], owner_id=row.started_by)
                row.backup = {"index_id": backup["index_id"], "expired_at": now().isoformat()}

    async def _drop(self, migration: VectorMigration) -> None:
        backup = migration.backup or {}
        if not backup.get("lost"):
            await self._remove(migration, backup)
        async with self._database.transaction(tenant.PLATFORM) as session:
            row = await migrations.get_leased(session, migration)
            (await indexes.get_for_update(session, backup["index_id"])).is_made = False
            await indexes.forget_all(session, backup["index_id"])
            _end(row, stage=Stage.DROPPED)

    async def _remove(self, migration: VectorMigration, backup: dict[str, Any]) -> None:
        store = await self._stores.get(backup["index_id"])
        if "sha256" not in backup:
            key = f"backups/vectors/{migration.migration_id}.jsonl.gz"
            async with self._database.transaction(tenant.PLATFORM) as session:
                # Of an earlier drop, whose file has expired: the sweep must not take the new one for it.
                await pending_objects.delete_all(session, [key])
            try:
                written = await self._backups.write(store, key=key)
            except IndexMissing:
                # One that was planned and never made; there is nothing to keep and nothing to remove.
                return
            backup |= {**written, "written_at": now().isoformat()}
            async with self._database.transaction(tenant.PLATFORM) as session:
                (await migrations.get_leased(session, migration)).backup = dict(backup)
        await store.drop_index()

    async def _restore(self, migration: VectorMigration) -> None:
        backup = migration.backup or {}
        store = await self._stores.get(backup["index_id"])
        await store.ensure_index()
        async with self._database.transaction(tenant.PLATFORM) as session:
            # From here on deletions reach it, and leave a tombstone that holds against what comes from the file.
            (await indexes.get_for_update(session, backup["index_id"])).is_made = True
        try:
            back = await self._backups.read(store, backup)
        except (Invalid, FileNotFoundError):
            # Nothing stands then, and deletions wait for nothing.
            await store.drop_index()
            async with self._database.transaction(tenant.PLATFORM) as session:
                (await indexes.get_for_update(session, backup["index_id"])).is_made = False
                await indexes.forget_all(session, backup["index_id"])
            raise
        log.info("%s is back with %d chunks", backup["index_id"], back)
        is_given_up = backup["index_id"] == migration.target_id
        await self._end(migration, stage=Stage.CANCELLED if is_given_up else Stage.FINALISED)

    async def _end(self, migration: VectorMigration, *, stage: Stage, error: str | None = None) -> None:
        async with self._database.transaction(tenant.PLATFORM) as session:
            _end(await migrations.get_leased(session, migration), stage=stage, error=error)

    @asynccontextmanager
    async def _kept(self, migration: VectorMigration) -> AsyncIterator[None]:
        async def keep() -> None:
            while True:
                await asyncio.sleep(LEASE.total_seconds() / 3)
                with suppress(Unavailable):
                    async with self._database.transaction(tenant.PLATFORM) as session:
                        await migrations.extend_lease(session, migration, by=LEASE)

        keeping = asyncio.create_task(keep())
        try:
            yield
        except Exception as error:
            # It waits, so that one that cannot be done now holds up no other.
            with suppress(Unavailable):
                async with self._database.transaction(tenant.PLATFORM) as session:
                    said = str(error.__cause__ or error)[:500]
                    await migrations.put_off(session, migration, by=PAUSE, error=said)
            raise
        except BaseException:
            with suppress(Unavailable):
                async with self._database.transaction(tenant.PLATFORM) as session:
                    await migrations.release(session, migration)
            raise
        finally:
            keeping.cancel()

    async def note_shadow(self, event: ShadowSearchesCompared, *, once: Delivery) -> None:
        """Sum up what rag compared, for every open migration that leads there. Raises AlreadyHandled, Unavailable."""
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            for migration in await migrations.list_open_to_for_update(session, event.index):
                migration.shadow = _summed(migration.shadow, event)


def _end(row: VectorMigration, *, stage: Stage, error: str | None = None) -> None:
    row.stage, row.error = stage.value, error
    row.lease_id = row.leased_until = None


def _summed(before: dict[str, Any], event: ShadowSearchesCompared) -> dict[str, Any]:
    worst = before.get("worst", 1.0)
    return {
        "searches": before.get("searches", 0) + event.searches,
        "failures": before.get("failures", 0) + event.failures,
        "overlap": _mean(before, event, "overlap", event.overlap),
        "worst": min(worst, event.worst) if event.searches else worst,
        "milliseconds": _mean(before, event, "milliseconds", event.milliseconds),
        "against_milliseconds": _mean(before, event, "against_milliseconds", event.against_milliseconds),
        "compared_at": event.until.isoformat(),
    }


def _mean(before: dict[str, Any], event: ShadowSearchesCompared, name: str, value: float) -> float:
    searches = before.get("searches", 0)
    whole = searches + event.searches
    return round((before.get(name, 0.0) * searches + value * event.searches) / whole, 6) if whole else 0.0

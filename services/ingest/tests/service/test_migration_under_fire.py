"""The short form of `make test-migration`: a real Qdrant is filled while documents come, change and go, and is killed;
so are its tellers. Without the guard the same goes wrong, or this would prove nothing.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from chassis.auth import Principal
from chassis.errors import Conflict, Unavailable
from ingest.ports import PageText
from ingest.service.deletion import DeletionService
from ingest.service.indexing import IndexName
from ingest.service.migrating import MigrationWork
from ingest.service.migrations import MigrationService
from ingest.service.syncing import SyncService
from retrieval.qdrant import QdrantAdapter
from retrieval.store import VectorStoreAdapter

TARGET = IndexName("qdrant", "multilingual-e5-small", 384)
SUPERVISOR = Principal(uuid4(), "supervisor", uuid4(), 0)
DOCUMENTS, WRITES, KILLS = 16, 40, 1


class OnePage:
    """A second adapter behind `ingest.ports.Parser`: a text, without a process for each."""

    async def pages(self, path, media_type) -> AsyncGenerator[PageText]:
        yield PageText(1, 1, path.read_text())


class Killed(SyncService):
    """A teller that, when it is cancelled, is as dead as a killed one: its leases stay."""

    async def _put_off(self, document_id, index_id, lease_id, error) -> None:
        if not isinstance(error, asyncio.CancelledError):
            await super()._put_off(document_id, index_id, lease_id, error)


@pytest.fixture
async def qdrant(ingest, qdrant_server):
    made = QdrantAdapter(
        qdrant_server.url,
        api_key=qdrant_server.api_key,
        model=ingest.wired.index.model,
        analyser=ingest.wired.index.analyser,
        collection=f"fire_{uuid4().hex[:8]}",
    )
    await made.open()
    await made.ensure_index()
    yield made
    await made.drop_index()
    await made.close()


class Field:
    """People who write, a target that is filled, and a look at both databases."""

    def __init__(self, ingest, qdrant: VectorStoreAdapter, embedder, owner, *, teller: type[SyncService]) -> None:
        self.ingest, self.qdrant, self.owner = ingest, qdrant, owner
        wired = ingest.wired
        stores = wired.indexes.through(TARGET.index_id, qdrant)
        embedding = ingest.embedding(embedder, ingest.book())
        self.syncs = SyncService(wired.database, stores, embedding)
        self.teller = teller(wired.database, stores, embedding)
        self.moves = MigrationService(wired.database, stores, hold=wired.migrations._hold)
        self.work = MigrationWork(wired.database, stores, wired.migration_work._proofs, wired.migration_work._backups)
        self.deletion = DeletionService(
            wired.database, wired.processing._storage, stores, self.syncs, book=ingest.book()
        )
        self.processing = ingest.processing(embedder, parser=OnePage())
        self.choose = random.Random(3)
        self.living: list[UUID] = []
        self.deleted: list[UUID] = []

    async def put(self, number: int) -> None:
        text = f"{number}번 안내문입니다. 환불과 출석에 관한 규정 제{number}조를 알립니다."
        document_id = await self.ingest.put(text.encode(), person=self.owner)
        await self.processing.process(document_id)
        self.living.append(document_id)

    async def write(self, number: int) -> None:
        act = self.choose.choices(("put", "reprocess", "delete"), (3, 4, 4))[0]
        if act == "put":
            await self.put(1_000 + number)
            return
        document_id = self.choose.choice(self.living)
        if act == "reprocess":
            with suppress(Conflict):
                await self.ingest.wired.lifecycle.reprocess(self.owner.principal, document_id)
                await self.processing.process(document_id)
            return
        self.living.remove(document_id)
        self.deleted.append(document_id)
        # Qdrant may be away: it is begun, and finished later.
        with suppress(Unavailable):
            await self.deletion.delete(self.owner.principal, document_id)

    async def started(self) -> UUID:
        migration = await self.moves.plan(SUPERVISOR, TARGET, rate=1_000)
        await self.moves.start(SUPERVISOR, migration.migration_id)
        return migration.migration_id

    async def settled(self) -> None:
        """Everything told, by tellers that keep to the rules."""
        async with asyncio.timeout(60):
            while await self._unsettled():
                await self.ingest.sql.rows(
                    "UPDATE ingest.document_indexes SET due_at = now(), leased_until = now() WHERE due_at IS NOT NULL"
                )
                await self.ingest.sql.rows(
                    """UPDATE "user".documents SET updated_at = now() - interval '1 hour' WHERE state = 'deleting'"""
                )
                await self.work.backfill()
                await self.syncs.sweep()
                await self.deletion.sweep()

    async def _unsettled(self) -> bool:
        query = """SELECT (SELECT count(*) FROM ingest.document_indexes WHERE due_at IS NOT NULL)
            + (SELECT count(*) FROM "user".documents WHERE state = 'deleting')
            + (SELECT count(*) FROM ingest.vector_migrations WHERE stage = 'backfilling') AS left_over"""
        return bool((await self.ingest.sql.rows(query))[0]["left_over"])

    async def differences(self) -> set[str]:
        """Chunks of the owner's that the rows and Qdrant do not agree about, both ways, with versions."""
        query = """SELECT c.chunk_id::text AS id, d.version FROM "user".chunks c JOIN "user".documents d
            ON d.document_id = c.document_id AND d.live_revision = c.revision
            WHERE d.owner_id = %s AND d.state NOT IN ('deleting', 'deleted')"""
        wanted = {(row["id"], row["version"]) for row in await self.ingest.sql.rows(query, self.owner.user_id)}
        held = {
            (key, metadata["version"])
            for key, _, metadata in await self.qdrant.scroll(limit=10_000)
            if f"user:{self.owner.user_id}" in metadata["scopes"]
        }
        return {key for key, _ in wanted ^ held}

    async def resurrected(self) -> list[UUID]:
        return [each for each in self.deleted if await self.qdrant.ids(str(each))]


@pytest.fixture
async def field(ingest, qdrant, stand_in, person):
    def make(teller: type[SyncService]) -> Field:
        return Field(ingest, qdrant, stand_in(), person, teller=teller)

    yield make
    await ingest.sql.rows(
        "UPDATE ingest.vector_migrations SET stage = 'cancelled' WHERE target_id = %s", TARGET.index_id
    )
    await ingest.sql.rows("UPDATE ingest.vector_indexes SET is_written = false WHERE index_id = %s", TARGET.index_id)
    forget = "UPDATE ingest.document_indexes SET due_at = NULL, revision = NULL, version = 0 WHERE index_id = %s"
    await ingest.sql.rows(forget, TARGET.index_id)


async def burn(field: Field, server, *, kills: int) -> None:
    """Writes without a pause, tellers that are killed again and again, and a Qdrant that is."""
    for number in range(DOCUMENTS):
        await field.put(number)
    await field.started()

    async def write() -> None:
        for number in range(WRITES):
            await field.write(number)

    async def fill() -> None:
        while not writing.done():
            await field.work.backfill()
            telling = asyncio.create_task(field.teller.sweep())
            await asyncio.wait({telling}, timeout=field.choose.uniform(0.05, 0.4))
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            await field.ingest.sql.rows("UPDATE ingest.document_indexes SET leased_until = now()")

    writing = asyncio.create_task(write())
    filling = asyncio.create_task(fill())
    for _ in range(kills):
        await asyncio.sleep(1)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.wait_ready)
    await asyncio.gather(writing, filling)
    await field.settled()


async def test_under_fire_nothing_is_lost_doubled_or_back_from_the_dead(field, qdrant_server) -> None:
    if qdrant_server.control is None:
        pytest.skip("the Qdrant of QDRANT_URL is not ours to kill")
    moving = field(Killed)
    await burn(moving, qdrant_server, kills=KILLS)

    assert len(moving.deleted) > WRITES / 8
    assert await moving.resurrected() == []
    assert await moving.differences() == set()


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
async def test_a_teller_that_read_long_ago_changes_nothing_and_would_without_the_guard(field, guarded) -> None:
    """It read what to write before everything changed. The guard is the version that goes along with each chunk."""
    moving = field(Killed)
    for number in range(6):
        await moving.put(number)
    await moving.started()
    late = [await moving.teller._aim(each, TARGET.index_id, model=TARGET.model) for each in moving.living]
    await moving.settled()
    gone, *changed = list(moving.living)
    await moving.deletion.delete(moving.owner.principal, gone)
    moving.deleted.append(gone)
    for document_id in changed:
        await moving.ingest.wired.lifecycle.reprocess(moving.owner.principal, document_id)
        await moving.processing.process(document_id)
    await moving.settled()
    for aim in late:
        version = {} if guarded else {"version": 2**30}
        await moving.qdrant.upsert_embeddings(
            [(key, vector, {**fields, **version}) for key, vector, fields in aim.items]
        )
    await moving.settled()

    assert (await moving.resurrected() == []) is guarded
    assert (await moving.differences() == set()) is guarded

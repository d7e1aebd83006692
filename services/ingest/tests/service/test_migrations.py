"""One index moves to another while documents come, change and go; the target is a store in this process."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from chassis import tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from contracts.envelope import decode
from contracts.ingest import UsageRecorded, VectorReadSwitched
from contracts.rag import ShadowSearchesCompared
from ingest.crud import documents, indexes
from ingest.service.backups import BackupService
from ingest.service.deletion import DeletionService
from ingest.service.indexing import Indexes, IndexName
from ingest.service.migrating import MigrationWork
from ingest.service.migrations import MigrationService
from ingest.service.proofs import ProofService, Sizes
from ingest.service.sharing import SharingService
from ingest.service.syncing import SyncService
from retrieval.errors import IndexMismatch, IndexMissing, StoreUnavailable
from retrieval.memory import MemoryAdapter
from retrieval.models import EmbeddingModel

MODEL = "multilingual-e5-small"
TARGET = IndexName("memory", MODEL, 384)
OTHER = IndexName("memory", "another-model", 384)
SUPERVISOR = Principal(uuid4(), "supervisor", uuid4(), 0)
_ANOTHER_MODEL = EmbeddingModel(name="another-model", dimension=384, lexical_weight=0.1, max_tokens=512)


class Target(MemoryAdapter):
    """May be away, for all or for one document."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.away: set[str] = set()

    async def upsert_embeddings(self, items) -> int:
        if "*" in self.away or self.away & {item[2]["doc_id"] for item in items}:
            raise StoreUnavailable("it is away")
        return await super().upsert_embeddings(items)

    async def drop_index(self) -> None:
        await super().drop_index()
        self.dropped = True


class World:
    """An installation in the middle of its life, with a target that its settings know."""

    def __init__(self, ingest, embedder) -> None:
        self.ingest = ingest
        wired, own = ingest.wired, ingest.wired.processing._embedding
        index = wired.index
        self.targets = {
            TARGET.index_id: Target(model=index.model, analyser=index.analyser),
            OTHER.index_id: Target(model=_ANOTHER_MODEL, analyser=index.analyser),
        }
        self.stores = Indexes(
            wired.indexes.first, wired.indexes._make, opened={wired.indexes.first: index, **self.targets}
        )
        book = replace(ingest.book(), providers={**ingest.book().providers, "another-model": "elsewhere"})
        embedding = type(own)(wired.database, {MODEL: embedder, "another-model": embedder}, own._analyser, book=book)
        self.syncs = SyncService(wired.database, self.stores, embedding)
        storage = wired.processing._storage
        self.deletion = DeletionService(wired.database, storage, self.stores, self.syncs, book=ingest.book())
        self.moves = MigrationService(wired.database, self.stores, hold=timedelta(days=7))
        sizes = Sizes(queries=20, probes=60, deleted=100)
        proofs = ProofService(wired.database, self.stores, self.syncs, sizes=sizes)
        self.work = MigrationWork(wired.database, self.stores, proofs, BackupService(wired.database, storage))

    @property
    def target(self) -> Target:
        return self.targets[TARGET.index_id]

    async def planned(self, target: IndexName = TARGET, *, rate: int = 1_000) -> UUID:
        return (await self.moves.plan(SUPERVISOR, target, rate=rate)).migration_id

    async def started(self, target: IndexName = TARGET) -> UUID:
        migration_id = await self.planned(target)
        await self.moves.start(SUPERVISOR, migration_id)
        return migration_id

    async def turn(self) -> None:
        await self.work.backfill()
        await self.syncs.sweep()

    async def filled(self, target: IndexName = TARGET) -> UUID:
        migration_id = await self.started(target)
        async with asyncio.timeout(30):
            while (await self.status(migration_id)).migration.stage != "filled":
                await self.turn()
        return migration_id

    async def proven(self, target: IndexName = TARGET) -> UUID:
        migration_id = await self.filled(target)
        assert (await self.verdict(migration_id))["is_green"]
        return migration_id

    async def verdict(self, migration_id: UUID) -> dict:
        asked = await self.moves.verify(SUPERVISOR, migration_id)
        assert await self.work.check()
        return (await self.moves.check(SUPERVISOR, migration_id, asked.check_id)).report

    async def status(self, migration_id: UUID):
        return await self.moves.status(SUPERVISOR, migration_id)

    async def switched(self) -> VectorReadSwitched:
        """What readers were told last."""
        query = "SELECT payload::text AS body FROM ingest.outbox WHERE subject = %s ORDER BY id DESC LIMIT 1"
        (row,) = await self.ingest.sql.rows(query, VectorReadSwitched.type)
        return decode(row["body"].encode()).data


@pytest.fixture
async def world(ingest, stand_in):
    """Nobody migrates from an earlier test, and nothing of one is in a target."""
    yield World(ingest, stand_in())
    await ingest.sql.rows(
        "UPDATE ingest.vector_migrations SET stage = 'cancelled', all_read = false, share = 0, org_ids = '{}'"
    )
    nothing = "is_primary = false, is_written = false, is_read = false, is_made = false"
    await ingest.sql.rows(f"UPDATE ingest.vector_indexes SET {nothing}")
    first = "UPDATE ingest.vector_indexes SET is_primary = true, is_written = true, is_made = true WHERE index_id = %s"
    await ingest.sql.rows(first, ingest.wired.indexes.first)
    await ingest.sql.rows("UPDATE ingest.vector_indexes SET is_paused = false")
    forget = "UPDATE ingest.document_indexes SET due_at = NULL, due_since = NULL, revision = NULL WHERE index_id <> %s"
    await ingest.sql.rows(forget, ingest.wired.indexes.first)


@pytest.fixture
async def ready(ingest, words, person, another):
    """Documents of two people."""
    ids = []
    for number, owner in enumerate((person, person, another(), another())):
        ids.append(await ingest.put(words(120, seed=300 + number), person=owner, allow_duplicate=True))
        await ingest.process(ids[-1])
    return ids


async def held(store, document_id) -> dict[str, int]:
    return await store.ids(str(document_id))


async def test_what_there_is_is_brought_and_proven(world, ingest, ready) -> None:
    migration_id = await world.filled()

    for document_id in ready:
        assert await held(world.target, document_id) == await held(ingest.wired.index, document_id) != {}
    status = await world.status(migration_id)
    assert (status.due, status.left, status.told) == (0, 0, status.documents)
    report = await world.verdict(migration_id)
    assert report["is_green"], report
    assert report["content"]["chunks"] == await ingest.wired.index.count()
    assert report["recall"]["queries"] == report["exact"]["queries"] > 0
    assert report["foreign"]["probes"] == 60


async def test_what_comes_changes_and_goes_meanwhile_is_told_too(world, ingest, ready, words, person) -> None:
    await world.filled()
    new = await ingest.put(words(60, seed=777), person=person)
    await ingest.process(new)
    await ingest.wired.deletion._syncs.sync(ready[0])
    school = await ingest.open_school()
    shared = await ingest.put(words(60, seed=778), person=school.teacher)
    await ingest.process(shared)
    await ingest.share(school.lists(shared, version=1))
    receipt = await world.deletion.delete(person.principal, ready[1])
    await world.syncs.sweep()

    assert await held(world.target, new) == await held(ingest.wired.index, new) != {}
    found = await world.target.query([1.0] * 384, 10, {"scopes": [school.scope]})
    assert {hit.doc_id for hit in found} == {str(shared)}
    assert await held(world.target, ready[1]) == {}
    assert set(receipt["indexes"]) == {ingest.wired.indexes.first, TARGET.index_id}
    assert receipt["remaining"]["vectors"] == 0
    assert receipt["deleted"]["vectors"] == 2 * receipt["deleted"]["chunks"]


async def test_a_target_that_is_away_fails_no_upload_and_is_repaired_by_itself(
    world, ingest, ready, words, person
) -> None:
    migration_id = await world.filled()
    world.target.away.add("*")
    new = await ingest.put(words(60, seed=779), person=person)
    assert (await ingest.process(new))["state"] == "ready"
    await world.syncs.sweep()
    status = await world.status(migration_id)
    assert (status.due, [each["document_id"] for each in status.errors]) == (1, [new])

    world.target.away.clear()
    await ingest.sql.hurry(new)
    await world.syncs.sweep()
    assert await held(world.target, new) != {}
    assert (await world.status(migration_id)).due == 0


async def test_a_backfill_goes_on_where_it_was_cut_off(world, ready) -> None:
    migration_id = await world.planned(rate=1)
    await world.moves.start(SUPERVISOR, migration_id)
    await world.turn()
    told = (await world.status(migration_id)).told
    again = World(world.ingest, None)
    again.targets, again.stores, again.syncs = world.targets, world.stores, world.syncs
    await again.turn()

    assert told >= 1
    assert (await world.status(migration_id)).told == told + 1


async def test_paused_it_waits_and_resumed_it_catches_up(world, ingest, ready, words, person) -> None:
    migration_id = await world.started()
    await world.moves.pause(SUPERVISOR, migration_id, paused=True)
    for _ in range(3):
        await world.turn()
    assert (await world.status(migration_id)).told == 0
    await world.moves.pause(SUPERVISOR, migration_id, paused=False)
    async with asyncio.timeout(30):
        while (await world.status(migration_id)).migration.stage != "filled":
            await world.turn()

    assert (await world.status(migration_id)).due == 0


async def test_a_target_that_waits_holds_up_no_unsharing(world, ingest, words) -> None:
    """Nobody searches there: whom the row names follows what is read."""
    school = await ingest.open_school()
    document_id = await ingest.put(words(60, seed=781), person=school.teacher)
    await ingest.process(document_id)
    await ingest.share(school.lists(document_id, version=1))
    migration_id = await world.filled()
    await world.moves.pause(SUPERVISOR, migration_id, paused=True)
    sharing = SharingService(ingest.wired.database, world.syncs)
    await sharing.share(school.lists(version=2), once=ingest.delivery("share_materials"))

    row = await ingest.sql.document(document_id)
    assert row["scopes"] == [f"user:{school.teacher.user_id}"]
    assert await ingest.sql.rows("SELECT 1 FROM ingest.document_shares WHERE document_id = %s", document_id) == []
    assert (await world.status(migration_id)).due == 1
    await world.moves.pause(SUPERVISOR, migration_id, paused=False)
    await world.syncs.sweep()
    assert await world.target.query([1.0] * 384, 10, {"scopes": [school.scope]}) == []


BROKEN = {
    "a chunk is missing": lambda store, chunk: store._chunks.pop(chunk.id),
    "a payload is another": lambda store, chunk: store._chunks.update(
        {chunk.id: replace(chunk, payload=chunk.payload | {"title": "다른 제목"})}
    ),
    "a vector is another": lambda store, chunk: store._chunks.update({chunk.id: replace(chunk, vector=-chunk.vector)}),
    "it is open to a stranger": lambda store, chunk: store._chunks.update(
        {chunk.id: replace(chunk, payload=chunk.payload | {"scopes": [f"user:{uuid4()}"]})}
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_what_differs_is_seen_named_and_told_anew(world, ingest, ready, kind) -> None:
    migration_id = await world.filled()
    chunk = next(each for each in world.target._chunks.values() if str(each.doc_id) == str(ready[0]))
    BROKEN[kind](world.target, chunk)
    report = await world.verdict(migration_id)
    assert (report["is_green"], report["content"]["differing"]) == (False, 1)
    assert list(report["content"]["examples"]) == [str(ready[0])]
    with pytest.raises(Conflict, match="not_proven"):
        await world.moves.switch(SUPERVISOR, migration_id, everybody=True, org_ids=[], share=0)

    await world.syncs.sweep()
    assert (await world.verdict(migration_id))["is_green"]


async def test_a_document_that_came_back_from_the_dead_is_seen(world, ingest, ready, person) -> None:
    migration_id = await world.filled()
    items = [item for item in await world.target.scroll() if item[2]["doc_id"] == str(ready[0])]
    await world.deletion.delete(person.principal, ready[0])
    assert await world.target.upsert_embeddings(items) == 0, "its tombstone keeps it out"
    await world.target.purge_tombstones(older_than_seconds=-1)
    await world.target.upsert_embeddings(items)

    report = await world.verdict(migration_id)
    assert not report["content"]["is_green"]
    assert (report["deleted"]["is_green"], report["deleted"]["examples"]) == (False, [str(ready[0])])


async def test_another_model_embeds_what_there_is_and_is_paid_for(world, ingest, ready) -> None:
    migration_id = await world.planned(OTHER)
    before = await world.status(migration_id)
    assert before.to_embed == await ingest.wired.index.count()
    await world.moves.start(SUPERVISOR, migration_id)
    async with asyncio.timeout(60):
        while (await world.status(migration_id)).migration.stage != "filled":
            await world.turn()

    assert (await world.status(migration_id)).to_embed == 0
    told = [each for each in await ingest.sql.events(ready[0], UsageRecorded) if each.model == "another-model"]
    assert {each.provider for each in told} == {"elsewhere"}
    assert sum(each.input_tokens for each in told) > 0
    assert (await world.verdict(migration_id))["is_green"]


async def test_reads_move_step_by_step_and_back_at_once(world, ready) -> None:
    migration_id, org_id = await world.proven(), uuid4()
    await world.moves.shadow(SUPERVISOR, migration_id, share=5)
    assert [(each.index, each.share) for each in (await world.switched()).shadows] == [(TARGET.index_id, 5)]
    versions = [(await world.switched()).version]
    for step, route in (
        ({"everybody": False, "org_ids": [org_id], "share": 0}, ([org_id], 0)),
        ({"everybody": False, "org_ids": [org_id], "share": 10}, ([org_id], 10)),
        ({"everybody": True, "org_ids": [], "share": 0}, ([], 100)),
    ):
        await world.moves.switch(SUPERVISOR, migration_id, **step)
        told = await world.switched()
        assert (told.index, told.backend) == (world.ingest.wired.indexes.first, "pgvector")
        assert [(each.index, each.org_ids, each.share) for each in told.routes] == [(TARGET.index_id, *route)]
        versions.append(told.version)
    await world.moves.rollback(SUPERVISOR, migration_id)
    told = await world.switched()

    assert told.routes == []
    assert [*versions, told.version] == list(range(versions[0], versions[0] + 5))


async def test_without_a_fresh_proof_nothing_moves(world, ingest, ready) -> None:
    migration_id = await world.filled()
    step = {"everybody": True, "org_ids": [], "share": 0}
    with pytest.raises(Conflict, match="not_proven"):
        await world.moves.switch(SUPERVISOR, migration_id, **step)
    assert (await world.verdict(migration_id))["is_green"]
    await ingest.sql.rows("UPDATE ingest.vector_checks SET began_at = began_at - interval '61 minutes'")
    with pytest.raises(Conflict, match="not_proven"):
        await world.moves.switch(SUPERVISOR, migration_id, **step)
    assert (await world.verdict(migration_id))["is_green"]
    late = "UPDATE ingest.document_indexes SET due_at = now(), due_since = now() - interval '2 minutes'"
    await ingest.sql.rows(f"{late} WHERE index_id = %s", TARGET.index_id)
    with pytest.raises(Conflict, match="target_behind"):
        await world.moves.switch(SUPERVISOR, migration_id, **step)
    with pytest.raises(Invalid, match="switch_empty"):
        await world.moves.switch(SUPERVISOR, migration_id, everybody=False, org_ids=[], share=0)


async def test_reads_move_to_no_target_that_waits_or_refuses(world, ingest, ready, words, person) -> None:
    migration_id = await world.proven()
    step = {"everybody": True, "org_ids": [], "share": 0}
    await world.moves.pause(SUPERVISOR, migration_id, paused=True)
    with pytest.raises(Conflict, match="index_paused"):
        await world.moves.switch(SUPERVISOR, migration_id, **step)
    await world.moves.pause(SUPERVISOR, migration_id, paused=False)

    world.target.away.add("*")
    await ingest.process(await ingest.put(words(60, seed=782), person=person))
    await world.syncs.sweep()
    with pytest.raises(Conflict, match="target_failing"):
        await world.moves.switch(SUPERVISOR, migration_id, **step)


async def test_how_far_behind_it_is_counts_from_the_first_change_and_not_from_the_next_try(
    world, ingest, ready, words, person
) -> None:
    migration_id = await world.proven()
    world.target.away.add("*")
    late = await ingest.put(words(60, seed=783), person=person)
    await ingest.process(late)
    first = "UPDATE ingest.document_indexes SET due_since = now() - interval '5 minutes' WHERE document_id = %s"
    await ingest.sql.rows(f"{first} AND due_at IS NOT NULL", late)
    await world.syncs.sweep()
    await ingest.wired.lifecycle.reprocess(person.principal, late)
    await ingest.process(late)
    status = await world.status(migration_id)
    assert (status.due, status.behind_seconds >= 300) == (1, True)

    world.target.away.clear()
    await ingest.sql.hurry(late)
    await world.syncs.sweep()
    assert (await world.status(migration_id)).behind_seconds == 0
    (row,) = await ingest.sql.rows(
        "SELECT due_since FROM ingest.document_indexes WHERE document_id = %s AND index_id = %s", late, TARGET.index_id
    )
    assert row["due_since"] is None


async def test_a_pause_does_not_outlive_its_migration(world, ready) -> None:
    migration_id = await world.filled()
    await world.moves.pause(SUPERVISOR, migration_id, paused=True)
    await world.moves.cancel(SUPERVISOR, migration_id)
    await world.moves.drop(SUPERVISOR, migration_id)

    assert await world.work.retire()
    assert (await world.status(migration_id)).migration.stage == "dropped"
    assert not any(each.is_paused for each in await world.moves.list_indexes(SUPERVISOR))


async def test_a_proof_that_cannot_be_made_is_red_and_says_why(world, ready, monkeypatch) -> None:
    migration_id = await world.filled()

    async def fail(*_arguments, **_options):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(world.work._proofs, "prove", fail)
    report = await world.verdict(migration_id)

    assert (report["is_green"], report["error"]) == (False, "ZeroDivisionError('a defect')")


async def test_finalised_the_target_is_where_documents_become_ready(world, ingest, ready, words, person) -> None:
    migration_id = await world.proven()
    with pytest.raises(Conflict, match="reads_not_moved"):
        await world.moves.finalise(SUPERVISOR, migration_id, early=True)
    await world.moves.switch(SUPERVISOR, migration_id, everybody=True, org_ids=[], share=0)
    with pytest.raises(Conflict, match="still_held"):
        await world.moves.finalise(SUPERVISOR, migration_id, early=False)
    with pytest.raises(Conflict, match="reads_moved"):
        await world.moves.cancel(SUPERVISOR, migration_id)
    done = await world.moves.finalise(SUPERVISOR, migration_id, early=True)
    assert done.stage == "finalised"
    told = await world.switched()
    assert (told.index, told.routes, told.shadows) == (TARGET.index_id, [], [])

    document_id = await ingest.put(words(60, seed=780), person=person)
    processing = ingest.processing()
    processing._syncs = world.syncs
    processing._embedding = world.syncs._embedding
    await processing.process(document_id)
    assert (await ingest.sql.document(document_id))["state"] == "ready"
    assert await held(world.target, document_id) != {}
    assert await held(ingest.wired.index, document_id) == {}
    receipt = await world.deletion.delete(person.principal, ready[0])
    assert await held(ingest.wired.index, ready[0]) == {}, "also where nothing new is written"
    assert receipt["remaining"]["vectors"] == 0


async def test_a_given_up_target_is_dropped_with_a_backup_and_restored(world, ingest, ready, person) -> None:
    migration_id = await world.filled()
    items = len(await world.target.scroll(limit=10_000))
    with pytest.raises(Conflict, match="wrong_stage"):
        await world.moves.drop(SUPERVISOR, migration_id)
    await world.moves.cancel(SUPERVISOR, migration_id)
    await world.moves.drop(SUPERVISOR, migration_id)
    assert await world.work.retire()
    status = await world.status(migration_id)
    assert (status.migration.stage, status.migration.backup["chunks"]) == ("dropped", items)
    assert world.target.dropped
    assert await world.target.count() == 0

    await ingest.wired.deletion.delete(person.principal, ready[0])
    await world.moves.restore(SUPERVISOR, migration_id)
    assert await world.work.retire()
    assert (await world.status(migration_id)).migration.stage == "cancelled"
    assert await held(world.target, ready[1]) == await held(ingest.wired.index, ready[1]) != {}
    assert await held(world.target, ready[0]) == {}, "what was deleted since is not brought back"


async def test_who_outlived_a_lease_on_a_dropped_index_marks_nothing_due_there(world, ingest, ready) -> None:
    migration_id = await world.filled()
    await world.moves.cancel(SUPERVISOR, migration_id)
    await world.moves.drop(SUPERVISOR, migration_id)
    await world.work.retire()
    async with ingest.wired.database.transaction(tenant.PLATFORM) as session:
        await indexes.mark_document_due(session, ready[0], TARGET.index_id, forget=True)
        assert not await indexes.is_due(session, ready[0], TARGET.index_id)
        await indexes.mark_document_due(session, ready[0], ingest.wired.indexes.first, forget=True)
        assert await indexes.is_due(session, ready[0], ingest.wired.indexes.first)
    await world.syncs.sync(ready[0], everywhere=True)


async def test_a_backup_is_kept_for_its_time_and_no_longer(world, ingest, ready, objects) -> None:
    migration_id = await world.filled()
    await world.moves.cancel(SUPERVISOR, migration_id)
    await world.moves.drop(SUPERVISOR, migration_id)
    await world.work.retire()
    path = objects / (await world.status(migration_id)).migration.backup["key"]
    world.work._backup_days = 30
    await world.work.tidy()
    assert path.exists()
    age = "jsonb_set(backup, '{written_at}', to_jsonb((now() - interval '31 days')::text))"
    await ingest.sql.rows(f"UPDATE ingest.vector_migrations SET backup = {age} WHERE migration_id = %s", migration_id)
    await world.moves.restore(SUPERVISOR, migration_id)
    await world.work.tidy()
    assert path.exists(), "it is being read"
    await world.work.retire()
    assert (await world.status(migration_id)).migration.stage == "cancelled"
    await world.work.tidy()
    await ingest.wired.uploads.sweep()
    assert not path.exists(), "also when it was restored meanwhile"
    await world.moves.drop(SUPERVISOR, migration_id, lost=True)
    await world.work.retire()
    with pytest.raises(Conflict, match="backup_missing"):
        await world.moves.restore(SUPERVISOR, migration_id)


async def test_a_run_that_was_believed_dead_does_not_write_into_the_next_ones_report(
    world, ingest, ready, monkeypatch
) -> None:
    migration_id = await world.filled()
    asked = await world.moves.verify(SUPERVISOR, migration_id)
    prove = world.work._proofs.prove

    async def slow(migration, *, note) -> dict:
        monkeypatch.setattr(world.work._proofs, "prove", prove)
        await ingest.sql.rows("UPDATE ingest.vector_checks SET noted_at = now() - interval '1 hour'")
        assert await world.work.check()
        return {"is_green": False}

    monkeypatch.setattr(world.work._proofs, "prove", slow)
    assert await world.work.check()
    found = await world.moves.check(SUPERVISOR, migration_id, asked.check_id)
    assert (found.verdict, found.report["is_green"]) == ("green", True)


async def test_what_changes_while_searches_are_compared_is_looked_at_again(
    world, ingest, ready, words, person, monkeypatch
) -> None:
    migration_id = await world.filled()
    query, came = world.target.query, []

    async def meanwhile(*arguments, **options) -> list:
        if not came:
            came.append(True)
            await world.deletion.erase(ready[0])
        return await query(*arguments, **options)

    monkeypatch.setattr(world.target, "query", meanwhile)
    assert (await world.verdict(migration_id))["is_green"]
    assert came


async def test_what_a_class_is_shown_and_should_not_be_is_found(world, ingest, ready, words) -> None:
    school = await ingest.open_school()
    shared = await ingest.put(words(60, seed=790), person=school.teacher)
    await ingest.process(shared)
    await ingest.share(school.lists(shared, version=1))
    await world.filled()
    for chunk in [each for each in world.target._chunks.values() if str(each.doc_id) == str(ready[0])]:
        scopes = [*chunk.payload["scopes"], school.scope]
        world.target._chunks[chunk.id] = replace(chunk, payload=chunk.payload | {"scopes": scopes})
    async with ingest.wired.database.transaction(tenant.PLATFORM) as session:
        assert school.class_id in await documents.list_shown_classes(session, limit=10_000)
    vectors = [chunk.vector.astype("<f4").tobytes() for chunk in world.target._chunks.values()]
    found = await world.work._proofs._foreign(world.target, vectors, [school.scope], _nothing, random.Random(1))

    assert not found["is_green"]
    assert found["examples"] == [str(ready[0])]


async def _nothing(_progress: float) -> None:
    pass


async def test_an_index_that_was_never_made_is_dropped_and_has_no_backup(world, monkeypatch) -> None:
    migration_id = await world.planned()
    await world.moves.cancel(SUPERVISOR, migration_id)

    async def missing(**_) -> None:
        raise IndexMissing("the writer has not made it")

    monkeypatch.setattr(world.target, "scroll", missing)
    await world.moves.drop(SUPERVISOR, migration_id)
    assert await world.work.retire()
    assert (await world.status(migration_id)).migration.stage == "dropped"
    with pytest.raises(Conflict, match="backup_missing"):
        await world.moves.restore(SUPERVISOR, migration_id)


async def test_a_drop_that_cannot_be_made_now_says_why_and_holds_up_no_other(world, ready, monkeypatch) -> None:
    first, second = await world.filled(), await world.filled(OTHER)
    for migration_id in (first, second):
        await world.moves.cancel(SUPERVISOR, migration_id)
        await world.moves.drop(SUPERVISOR, migration_id)

    async def away(**_) -> None:
        raise StoreUnavailable("its server does not answer")

    monkeypatch.setattr(world.target, "scroll", away)
    with pytest.raises(Unavailable):
        await world.work.retire()
    assert await world.work.retire()
    stages = [(await world.status(each)).migration.stage for each in (first, second)]
    assert stages == ["dropping", "dropped"]
    assert "does not answer" in (await world.status(first)).migration.error
    assert not await world.work.retire(), "it waits before it is tried again"


async def test_an_index_that_is_being_dropped_or_restored_is_not_moved_to(world, ready) -> None:
    migration_id = await world.filled()
    await world.moves.cancel(SUPERVISOR, migration_id)
    await world.moves.drop(SUPERVISOR, migration_id)
    with pytest.raises(Conflict, match="index_retiring"):
        await world.planned()
    await world.work.retire()
    again = await world.planned()
    with pytest.raises(Conflict, match="index_in_use"):
        await world.moves.restore(SUPERVISOR, migration_id)
    await world.moves.cancel(SUPERVISOR, again)
    await world.moves.restore(SUPERVISOR, migration_id)
    with pytest.raises(Conflict, match="index_retiring"):
        await world.planned()


async def test_a_lost_index_is_forgotten_and_deletions_wait_for_it_no_longer(world, ingest, ready, person) -> None:
    migration_id = await world.filled()
    await world.moves.cancel(SUPERVISOR, migration_id)

    async def gone(*_, **__) -> None:
        raise StoreUnavailable("there is no such server")

    world.target.delete_by_doc_id = world.target.scroll = world.target.drop_index = world.target.count = gone
    with pytest.raises(Unavailable):
        await world.deletion.delete(person.principal, ready[0])
    await world.moves.drop(SUPERVISOR, migration_id)
    with pytest.raises(Unavailable):
        await world.work.retire()
    await world.moves.drop(SUPERVISOR, migration_id, lost=True)
    assert await world.work.retire()
    assert (await world.status(migration_id)).migration.stage == "dropped"
    await world.deletion.erase(ready[0])
    row = await ingest.sql.document(ready[0])
    assert (row["state"], row["receipt"]["remaining"]["vectors"]) == ("deleted", 0)


async def test_what_an_index_holds_is_deleted_also_when_its_rows_know_nothing_of_it(
    world, ingest, ready, person
) -> None:
    """As after it was restored, or was given up and begun anew."""
    migration_id = await world.filled()
    await world.moves.cancel(SUPERVISOR, migration_id)
    await world.moves.drop(SUPERVISOR, migration_id)
    await world.work.retire()
    await world.moves.restore(SUPERVISOR, migration_id)
    await world.work.retire()
    assert await held(world.target, ready[0]) != {}
    await world.deletion.delete(person.principal, ready[0])
    assert await held(world.target, ready[0]) == {}


async def test_newer_content_that_a_model_has_not_seen_is_embedded_first(world, ingest, ready, monkeypatch) -> None:
    await world.started(OTHER)
    missed = []

    async def too_late(document_id, model) -> None:
        # It came between the look at what is embedded and the look at what shall be shown.
        if not missed:
            missed.append(document_id)
            return
        await embed(document_id, model)

    embed = world.syncs._embedding.embed_shown
    monkeypatch.setattr(world.syncs._embedding, "embed_shown", too_late)
    await world.work.backfill()
    await world.syncs.sweep()
    store = world.targets[OTHER.index_id]
    assert missed
    assert await held(store, missed[0]) != {}


async def test_a_target_that_refuses_fails_no_upload(world, ingest, ready, words, person, monkeypatch) -> None:
    migration_id = await world.proven()
    await world.moves.switch(SUPERVISOR, migration_id, everybody=False, org_ids=[], share=50)

    async def refuse(_items) -> None:
        raise IndexMismatch("it holds another model")

    monkeypatch.setattr(world.target, "upsert_embeddings", refuse)
    new = await ingest.put(words(60, seed=786), person=person)
    await ingest.process(new)
    await world.syncs.sync(new)
    assert (await ingest.sql.document(new))["state"] == "ready"
    (error,) = (await world.status(migration_id)).errors
    assert error["document_id"] == new


async def test_an_index_that_is_ahead_of_a_restored_database_is_caught_up_with(world, ingest, ready, person) -> None:
    migration_id = await world.filled()
    document_id = ready[0]
    ahead = 'UPDATE "user".documents SET version = version + 7 WHERE document_id = %s'
    back = 'UPDATE "user".documents SET version = version - 7 WHERE document_id = %s'
    due = "UPDATE ingest.document_indexes SET due_at = now(), due_since = now(), revision = NULL WHERE document_id = %s"
    await ingest.sql.rows(ahead, document_id)
    await ingest.sql.rows(due, document_id)
    await world.syncs.sync(document_id, everywhere=True)
    await ingest.sql.rows(back, document_id)
    await ingest.sql.rows(due, document_id)
    await world.syncs.sync(document_id, everywhere=True)

    version = (await ingest.sql.document(document_id))["version"]
    for store in (world.target, ingest.wired.index):
        assert set((await held(store, document_id)).values()) == {version}
    assert (await world.verdict(migration_id))["is_green"]


async def test_one_index_that_is_away_takes_no_others_turns(world, ingest, ready, monkeypatch) -> None:
    monkeypatch.setattr("ingest.service.syncing.SWEPT_AT_ONCE", 1)
    await world.started()
    await world.started(OTHER)
    world.target.away.add("*")
    await world.work.backfill()
    early = "UPDATE ingest.document_indexes SET due_at = due_at - interval '1 hour' WHERE index_id = %s"
    await ingest.sql.rows(early, TARGET.index_id)
    await world.syncs.sweep()

    told = "SELECT 1 FROM ingest.document_indexes WHERE index_id = %s AND revision IS NOT NULL AND due_at IS NULL"
    assert len(await ingest.sql.rows(told, OTHER.index_id)) == 1


async def test_a_damaged_backup_restores_nothing_and_says_so(world, ready, objects) -> None:
    migration_id = await world.filled()
    await world.moves.cancel(SUPERVISOR, migration_id)
    await world.moves.drop(SUPERVISOR, migration_id)
    await world.work.retire()
    backup = (await world.status(migration_id)).migration.backup
    path = objects / backup["key"]
    path.write_bytes(path.read_bytes()[:-20])
    await world.moves.restore(SUPERVISOR, migration_id)
    await world.work.retire()

    status = await world.status(migration_id)
    assert status.migration.stage == "dropped"
    assert "backup_damaged" in status.migration.error
    assert await world.target.count() == 0
    (made,) = [each.is_made for each in await world.moves.list_indexes(SUPERVISOR) if each.index_id == TARGET.index_id]
    assert not made, "no deletion waits for it"


async def test_two_migrations_run_at_once(world, ready) -> None:
    first, second = await world.filled(), await world.filled(OTHER)
    for migration_id in (first, second):
        assert (await world.verdict(migration_id))["is_green"]
    await world.moves.switch(SUPERVISOR, first, everybody=False, org_ids=[], share=30)
    await world.moves.switch(SUPERVISOR, second, everybody=True, org_ids=[], share=0)
    assert [each.index for each in (await world.switched()).routes] == [TARGET.index_id, OTHER.index_id]
    await world.moves.finalise(SUPERVISOR, second, early=True)

    told = await world.switched()
    assert (told.index, [each.index for each in told.routes]) == (OTHER.index_id, [TARGET.index_id])
    assert (await world.status(first)).migration.source_id == OTHER.index_id


async def test_where_it_may_not_lead(world, ingest) -> None:
    for name in (IndexName("qdrant", "no-such-model", 384), IndexName("nowhere", MODEL, 384)):
        with pytest.raises(Invalid, match="index_unknown"):
            await world.moves.plan(SUPERVISOR, name, rate=1)
    with pytest.raises(Conflict, match="index_in_use"):
        await world.moves.plan(SUPERVISOR, IndexName.parse(ingest.wired.indexes.first), rate=1)
    await world.planned()
    with pytest.raises(Conflict, match="index_in_use"):
        await world.planned()


async def test_acts_at_the_wrong_stage_change_nothing(world) -> None:
    migration_id = await world.planned()
    moves = world.moves
    for act in (
        moves.verify(SUPERVISOR, migration_id),
        moves.shadow(SUPERVISOR, migration_id, share=1),
        moves.switch(SUPERVISOR, migration_id, everybody=True, org_ids=[], share=0),
        moves.rollback(SUPERVISOR, migration_id),
        moves.finalise(SUPERVISOR, migration_id, early=True),
        moves.pause(SUPERVISOR, migration_id, paused=True),
        moves.drop(SUPERVISOR, migration_id),
        moves.restore(SUPERVISOR, migration_id),
    ):
        with pytest.raises(Conflict, match="wrong_stage"):
            await act
    assert (await world.status(migration_id)).migration.stage == "planned"
    with pytest.raises(NotFound):
        await moves.start(SUPERVISOR, uuid4())


async def test_supervisors_alone_move_indexes(world, person) -> None:
    for act in (
        world.moves.plan(person.principal, TARGET, rate=1),
        world.moves.start(person.principal, uuid4()),
        world.moves.list_indexes(person.principal),
    ):
        with pytest.raises(Forbidden):
            await act


async def test_shadow_reads_are_summed_up_once(world, ready, ingest) -> None:
    migration_id = await world.filled()
    facts = {"index": TARGET.index_id, "against": ingest.wired.indexes.first, "since": now(), "until": now()}
    times = {"milliseconds": 4.0, "against_milliseconds": 8.0}
    first = ShadowSearchesCompared(report_id=uuid4(), searches=10, failures=1, overlap=1.0, worst=1.0, **times, **facts)
    second = ShadowSearchesCompared(
        report_id=uuid4(), searches=30, failures=0, overlap=0.8, worst=0.5, **times, **facts
    )
    for event in (first, second):
        await world.work.note_shadow(event, once=ingest.delivery("note_shadow_searches"))

    shadow = (await world.status(migration_id)).migration.shadow
    assert (shadow["searches"], shadow["failures"], shadow["worst"]) == (40, 1, 0.5)
    assert shadow["overlap"] == pytest.approx(0.85)

"""Newer content of a document: search finds the one before or the newer one, never both and never none."""

import asyncio

import growfit_documents as documents
import pytest

from chassis.errors import Conflict
from contracts.ingest import ChunksEmbedded, DocumentFailed, UsageRecorded
from contracts.usage import Outcome

SIZE = 40


@pytest.fixture
async def ready(ingest, person, stand_in):
    document_id = await ingest.put(documents.korean_text(pages=6, seed=91), person=person, name="안내.txt")
    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(document_id)
    return document_id


@pytest.fixture
def shown(ingest, person):
    """`shown(document_id)`: what search finds of it, as (version, texts)."""

    async def look(document_id):
        hits = await ingest.wired.index.query(
            [1.0] * 384, 1000, {"scopes": [f"user:{person.user_id}"], "doc_id": str(document_id)}
        )
        return {hit.metadata["version"] for hit in hits}, {hit.metadata["text"] for hit in hits}

    return look


async def test_a_document_is_cut_anew_without_uploading_it(ingest, person, ready, shown, stand_in) -> None:
    _, before = await shown(ready)
    row = await ingest.wired.lifecycle.reprocess(person.principal, ready)
    assert (row.state, row.revision, row.live_revision) == ("uploaded", 2, 1)
    assert await shown(ready) == ({1}, before)
    await ingest.processing(stand_in(), chunk_tokens=4 * SIZE).process(ready)

    stands = await ingest.sql.document(ready)
    assert (stands["state"], stands["revision"], stands["live_revision"], stands["live"]) == ("ready", 2, 2, None)
    versions, after = await shown(ready)
    assert versions == {stands["version"]} == {2}
    assert after == {chunk["text"] for chunk in await ingest.sql.chunks(ready)} != before
    assert {chunk["revision"] for chunk in await ingest.sql.chunks(ready)} == {2}
    first, second = await ingest.sql.events(ready, ChunksEmbedded)
    assert (first.version, second.version) == (1, 2)


async def test_while_it_is_cut_anew_search_sees_one_of_both(ingest, person, ready, shown, stand_in) -> None:
    _, before = await shown(ready)
    await ingest.wired.lifecycle.reprocess(person.principal, ready)
    seen = []
    work = asyncio.create_task(ingest.processing(stand_in(), chunk_tokens=4 * SIZE).process(ready))
    while not work.done():
        seen.append(await shown(ready))
    await work
    _, after = await shown(ready)

    assert before != after
    assert len(seen) > 3
    assert all(found in (({1}, before), ({2}, after)) for found in seen)


async def test_what_did_not_change_is_not_paid_for_again(ingest, person, ready, stand_in) -> None:
    await ingest.wired.lifecycle.reprocess(person.principal, ready)
    embedder = stand_in()
    await ingest.processing(embedder, chunk_tokens=SIZE).process(ready)

    assert (await ingest.sql.document(ready))["revision"] == 2
    assert embedder.calls == 0
    assert len(await ingest.sql.events(ready, UsageRecorded)) == 1


async def test_newer_content_that_fails_leaves_the_document_as_it_was(ingest, person, ready, shown) -> None:
    before, row = await shown(ready), await ingest.sql.document(ready)
    await ingest.wired.lifecycle.reprocess(person.principal, ready)
    await ingest.fail(ready)

    after = await ingest.sql.document(ready)
    assert await shown(ready) == before
    assert after["refused"]["reason"] == "processing_failed"
    kept = set(row) - {"revision", "refused", "updated_at", "queued_at", "attempts"}
    assert {name: after[name] for name in kept} == {name: row[name] for name in kept}
    assert await ingest.sql.events(ready, DocumentFailed) == [], "nothing failed that others knew of"
    assert (await ingest.wired.lifecycle.reprocess(person.principal, ready)).revision == 3
    await ingest.process(ready)
    done = await ingest.sql.document(ready)
    assert (done["state"], done["live_revision"], done["refused"]) == ("ready", 3, None)


async def test_newer_content_that_is_cancelled_leaves_it_too_and_is_paid_for(
    ingest, person, ready, shown, stand_in
) -> None:
    before = await shown(ready)
    await ingest.wired.lifecycle.reprocess(person.principal, ready)
    embedder = stand_in(hangs_after=1)
    work = asyncio.create_task(ingest.processing(embedder, chunk_tokens=2 * SIZE).process(ready))
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    row = await ingest.wired.lifecycle.cancel(person.principal, ready)
    embedder.go_on.set()
    await work

    assert (row.state, row.refused["reason"]) == ("ready", "cancelled")
    assert await shown(ready) == before
    assert {chunk["revision"] for chunk in await ingest.sql.chunks(ready)} == {1}
    completed, *rest = await ingest.sql.events(ready, UsageRecorded)
    assert completed.outcome is Outcome.COMPLETED
    assert sum(usage.input_tokens for usage in rest) == embedder.tokens


async def test_a_share_acts_while_newer_content_is_worked_on(ingest, stand_in) -> None:
    school = await ingest.open_school()
    teacher = school.teacher
    document_id = await ingest.put(documents.korean_text(pages=6, seed=92), person=teacher)
    await ingest.process(document_id, stand_in())
    await ingest.wired.lifecycle.reprocess(teacher.principal, document_id)
    embedder = stand_in(hangs_after=0)
    work = asyncio.create_task(ingest.processing(embedder, chunk_tokens=SIZE).process(document_id))
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    await ingest.share(school.lists(document_id, version=1))
    assert await ingest.found_by(school.scope) == {document_id}
    embedder.go_on.set()
    await work

    assert await ingest.found_by(school.scope) == {document_id}
    assert (await ingest.sql.document(document_id))["live_revision"] == 2


async def test_a_worker_that_dies_after_publishing_is_made_up_for(ingest, person, ready, shown, stand_in) -> None:
    """The row says what search shall find; the index has not been told."""
    await ingest.wired.lifecycle.reprocess(person.principal, ready)
    processing = ingest.processing(stand_in(), chunk_tokens=4 * SIZE)

    class Dead:
        async def sync(self, _document_id):
            raise asyncio.CancelledError

    processing._syncs = Dead()
    with pytest.raises(asyncio.CancelledError):
        await processing.process(ready)
    assert (await shown(ready))[0] == {1}
    await ingest.wired.syncs.sweep()
    assert (await shown(ready))[0] == {2}

    await ingest.sql.expire(ready)
    await ingest.process(ready)
    assert (await ingest.sql.document(ready))["state"] == "ready"


@pytest.mark.parametrize("end", ["failed", "uploaded"])
async def test_only_what_is_ready_is_processed_anew(ingest, person, words, end) -> None:
    document_id = await ingest.put(words(30), person=person)
    if end == "failed":
        await ingest.fail(document_id)
    with pytest.raises(Conflict, match="not_ready"):
        await ingest.wired.lifecycle.reprocess(person.principal, document_id)


async def test_deleting_it_meanwhile_leaves_nothing_of_either(ingest, person, ready, stand_in) -> None:
    await ingest.wired.lifecycle.reprocess(person.principal, ready)
    embedder = stand_in(hangs_after=1)
    work = asyncio.create_task(ingest.processing(embedder, chunk_tokens=2 * SIZE).process(ready))
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    receipt = await ingest.wired.deletion.delete(person.principal, ready)
    embedder.go_on.set()
    await work

    assert receipt["remaining"] == {"vectors": 0, "objects": 0, "chunks": 0}
    assert await ingest.sql.chunks(ready) == []
    assert await ingest.vectors(ready) == 0

"""Workers that die, are slow, or meet each other: the document ends once, and its tokens are told once."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import growfit_documents as documents
import pytest

from chassis.delivery import AlreadyHandled
from chassis.errors import Unavailable
from contracts.ingest import ChunksEmbedded, DocumentFailed, UsageRecorded
from contracts.usage import Outcome
from ingest.service.processing import BATCH, MAX_CLAIMS
from retrieval.pgvector import PgVectorAdapter
from retrieval.store import VectorStoreAdapter

SIZE = 40


@pytest.fixture
async def long(ingest, person) -> UUID:
    """A document of about ten batches."""
    return await ingest.put(documents.korean_text(pages=16, seed=41), person=person)


class Halted(PgVectorAdapter):
    """The real index, whose next write waits until it is told to go on."""

    def __init__(self, index: VectorStoreAdapter) -> None:
        self.__dict__ = dict(vars(index))
        self.reached, self.go_on, self.written = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.dies = False

    async def upsert_embeddings(self, items) -> int:
        self.reached.set()
        await self.go_on.wait()
        written = await super().upsert_embeddings(items)
        self.written.set()
        if self.dies:
            await asyncio.Event().wait()
        return written


async def until(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 20)


async def kept_by(ingest, document_id, count: int) -> None:
    """Until so many chunks are embedded: a call's vectors are written after its answer."""
    async with asyncio.timeout(20):
        while len(await embedded(ingest, document_id)) < count:  # noqa: ASYNC110  the state is the database's
            await asyncio.sleep(0.02)


async def die(task: asyncio.Task) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def embedded(ingest, document_id) -> list[str]:
    return [chunk["text"] for chunk in await ingest.sql.chunks(document_id) if chunk["embedding"] is not None]


async def ready_once(ingest, document_id, *, wasted: bool = False) -> UsageRecorded:
    """The document stands whole and once; the usage of what it is made of is returned, the only one unless `wasted`."""
    row, chunks = await ingest.sql.document(document_id), await ingest.sql.chunks(document_id)
    assert (row["state"], row["claim_id"]) == ("ready", None)
    assert len({chunk["text"] for chunk in chunks}) == len(chunks) == row["chunk_count"] == row["chunks_embedded"]
    assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))
    assert await ingest.vectors(document_id) == len(chunks)
    assert len(await ingest.sql.events(document_id, ChunksEmbedded)) == 1
    told = await ingest.sql.events(document_id, UsageRecorded)
    (usage,) = [each for each in told if each.outcome is Outcome.COMPLETED]
    assert wasted or told == [usage]
    assert usage.input_tokens == sum(chunk["tokens"] for chunk in chunks) == row["tokens_billed"]
    return usage


async def test_what_a_dead_worker_embedded_is_not_embedded_again(ingest, stand_in, long) -> None:
    first = stand_in(hangs_after=4)
    task = asyncio.create_task(ingest.processing(first, chunk_tokens=SIZE).process(long, once=ingest.delivery()))
    await until(first.hanging)
    await kept_by(ingest, long, 4 * BATCH)
    await die(task)
    kept = await embedded(ingest, long)
    assert len(kept) == 4 * BATCH
    assert await ingest.sql.events(long, UsageRecorded) == []
    assert await ingest.vectors(long) == 0

    second = stand_in()
    await ingest.processing(second, chunk_tokens=SIZE).process(long, once=ingest.delivery())

    usage = await ready_once(ingest, long)
    assert sorted(kept + second.texts) == sorted(chunk["text"] for chunk in await ingest.sql.chunks(long))
    assert usage.input_tokens == first.tokens + second.tokens


async def test_a_worker_may_die_before_the_first_batch_and_before_the_last_write(ingest, stand_in, long) -> None:
    at_once = stand_in(hangs_after=0)
    task = asyncio.create_task(ingest.processing(at_once, chunk_tokens=SIZE).process(long, once=ingest.delivery()))
    await until(at_once.hanging)
    await die(task)
    embedder, index = stand_in(), Halted(ingest.wired.index)
    late = ingest.processing(embedder, index=index, chunk_tokens=SIZE)
    task = asyncio.create_task(late.process(long, once=ingest.delivery()))
    await until(index.reached)
    await die(task)
    assert (await ingest.sql.document(long))["attempts"] == 2

    third = stand_in()
    await ingest.processing(third, chunk_tokens=SIZE).process(long, once=ingest.delivery())

    assert (await ready_once(ingest, long)).input_tokens == embedder.tokens
    assert third.calls == 0


async def test_the_slower_of_two_workers_changes_nothing(ingest, stand_in, long) -> None:
    slow, fast, delivery = stand_in(hangs_after=2), stand_in(), ingest.delivery()
    task = asyncio.create_task(ingest.processing(slow, chunk_tokens=SIZE).process(long, once=delivery))
    await until(slow.hanging)
    await ingest.processing(fast, chunk_tokens=SIZE).process(long, once=delivery)
    row, chunks = await ingest.sql.document(long), await ingest.sql.chunks(long)
    slow.go_on.set()
    await task

    await ready_once(ingest, long, wasted=True)
    assert await ingest.sql.document(long) == row
    assert await ingest.sql.chunks(long) == chunks
    assert slow.calls <= 5
    told = await ingest.sql.events(long, UsageRecorded)
    assert sum(usage.input_tokens for usage in told) == slow.tokens + fast.tokens, "both were paid for"


async def test_many_announcements_of_one_document_do_not_fail_it(ingest, stand_in, long) -> None:
    """After an outage the sweeper's announcements come all at once, four at a time."""
    turns = asyncio.Semaphore(4)
    embedders = [stand_in() for _ in range(3 * MAX_CLAIMS)]

    async def take(embedder) -> None:
        async with turns:
            await ingest.processing(embedder, chunk_tokens=SIZE).process(long, once=ingest.delivery())

    await asyncio.gather(*(take(embedder) for embedder in embedders))
    await ready_once(ingest, long, wasted=True)
    told = await ingest.sql.events(long, UsageRecorded)
    assert sum(usage.input_tokens for usage in told) == sum(embedder.tokens for embedder in embedders)


async def test_vectors_of_a_worker_that_died_after_a_deletion_go_with_the_redelivery(
    ingest, person, stand_in, long
) -> None:
    index, delivery = Halted(ingest.wired.index), ingest.delivery()
    task = asyncio.create_task(
        ingest.processing(stand_in(), index=index, chunk_tokens=SIZE).process(long, once=delivery)
    )
    await until(index.reached)
    await ingest.wired.deletion.delete(person.principal, long)
    index.dies = True
    index.go_on.set()
    await until(index.written)
    await die(task)
    assert await ingest.vectors(long) > 0
    await ingest.sql.age(long, timedelta(hours=5))

    await ingest.processing().process(long, once=delivery)
    assert await ingest.vectors(long) == 0


@pytest.mark.parametrize("same", [True, False], ids=["redelivered", "announced again"])
async def test_a_worker_that_is_late_with_its_vectors_adds_none(ingest, stand_in, long, same) -> None:
    index, delivery = Halted(ingest.wired.index), ingest.delivery()
    slow = ingest.processing(stand_in(), index=index, chunk_tokens=SIZE)
    task = asyncio.create_task(slow.process(long, once=delivery))
    await until(index.reached)
    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long, once=delivery if same else ingest.delivery())
    before = await ready_once(ingest, long)
    index.go_on.set()
    if same:
        with pytest.raises(AlreadyHandled):
            await task
    else:
        await task

    assert await ready_once(ingest, long) == before


@pytest.mark.parametrize("same", [True, False], ids=["redelivered", "announced again"])
async def test_vectors_that_come_after_a_deletion_do_not_stay(ingest, person, stand_in, long, same) -> None:
    """The first worker is slow, the second makes the document ready, its owner deletes it, the first one writes."""
    index, delivery = Halted(ingest.wired.index), ingest.delivery()
    slow = ingest.processing(stand_in(), index=index, chunk_tokens=SIZE)
    task = asyncio.create_task(slow.process(long, once=delivery))
    await until(index.reached)
    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long, once=delivery if same else ingest.delivery())
    await ingest.wired.deletion.delete(person.principal, long)
    index.go_on.set()
    await asyncio.gather(task, return_exceptions=True)

    assert await ingest.vectors(long) == 0
    assert (await ingest.sql.document(long))["state"] == "deleted"
    assert len(await ingest.sql.events(long, UsageRecorded)) == 1


async def test_a_file_that_ends_its_workers_is_given_up(ingest, stand_in, long) -> None:
    for _ in range(MAX_CLAIMS):
        embedder = stand_in(hangs_after=0)
        task = asyncio.create_task(ingest.processing(embedder).process(long, once=ingest.delivery()))
        await until(embedder.hanging)
        await die(task)
    assert (await ingest.sql.document(long))["state"] == "embedding"
    last = stand_in()
    await ingest.processing(last).process(long, once=ingest.delivery())

    row = await ingest.sql.document(long)
    assert (row["state"], row["reason"], last.calls) == ("failed", "processing_failed", 0)
    assert len(await ingest.sql.events(long, DocumentFailed)) == 1


async def test_an_embedder_that_is_down_keeps_the_work_and_costs_no_claim(ingest, stand_in, long) -> None:
    for calls in (1, 4, 0):
        with pytest.raises(Unavailable):
            await ingest.processing(stand_in(fails_after=calls), chunk_tokens=SIZE).process(
                long, once=ingest.delivery()
            )
        row = await ingest.sql.document(long)
        assert (row["state"], row["claim_id"], row["attempts"]) == ("embedding", None, 0)
        assert row["chunks_embedded"] == len(await embedded(ingest, long)) > 0
    assert await ingest.sql.events(long, UsageRecorded) == []

    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long, once=ingest.delivery())
    await ready_once(ingest, long)


async def test_a_real_embedding_server_that_is_down(ingest, long) -> None:
    """The wired one: nothing answers at its address."""
    with pytest.raises(Unavailable) as failure:
        await ingest.drive(ingest.wired.processing).process(long, once=ingest.delivery())

    assert failure.value.code == "embedding_unavailable"
    row = await ingest.sql.document(long)
    assert (row["state"], row["claim_id"], row["attempts"]) == ("chunking", None, 0)


async def test_an_index_that_is_down(ingest, stand_in, long, settings) -> None:
    nowhere = settings.vector_database_url.rsplit("@", 1)[0] + "@127.0.0.1:1/growfit"
    index = PgVectorAdapter(
        nowhere, model=ingest.wired.index.model, analyser=ingest.wired.index.analyser, connection_wait=0.3
    )
    await index.open()
    try:
        with pytest.raises(Unavailable) as failure:
            await ingest.processing(stand_in(), index=index).process(long, once=ingest.delivery())
    finally:
        await index.close()

    assert failure.value.code == "index_unavailable"
    assert (await ingest.sql.document(long))["attempts"] == 0
    again = stand_in()
    await ingest.processing(again).process(long, once=ingest.delivery())
    assert again.calls == 0
    await ready_once(ingest, long)


async def test_a_storage_that_is_down(ingest, stand_in, long, objects) -> None:
    away = objects.with_name("away")
    objects.rename(away)
    objects.write_text("no folder")
    try:
        with pytest.raises(Unavailable) as failure:
            await ingest.process(long, stand_in())
    finally:
        objects.unlink()
        away.rename(objects)

    assert failure.value.code == "storage_unavailable"
    assert (await ingest.process(long, stand_in()))["state"] == "ready"


async def test_calls_that_were_billed_and_brought_nothing_are_told(ingest, person, stand_in, long) -> None:
    first = stand_in(fails_after=3, wastes=7)
    with pytest.raises(Unavailable) as failure:
        await ingest.processing(first, chunk_tokens=SIZE).process(long, once=ingest.delivery())
    assert failure.value.code == "embedding_unavailable"
    failed = await ingest.sql.events(long, UsageRecorded)
    assert [(each.input_tokens, each.outcome) for each in failed] == [(7, Outcome.FAILED)] * (first.calls - 3)
    assert {(each.tenant.user_id, each.reference) for each in failed} == {(person.user_id, f"document/{long}")}

    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long, once=ingest.delivery())
    spent = sum(chunk["tokens"] for chunk in await ingest.sql.chunks(long))
    told = [each for each in await ingest.sql.events(long, UsageRecorded) if each.outcome is Outcome.COMPLETED]
    assert [each.input_tokens for each in told] == [spent]


async def test_the_same_tokens_are_never_told_twice(ingest, person, stand_in, long) -> None:
    """Failed in the middle, given up, and then deleted: the tokens that were spent are told with the failure."""
    with pytest.raises(Unavailable):
        await ingest.processing(stand_in(fails_after=3), chunk_tokens=SIZE).process(long, once=ingest.delivery())
    await ingest.processing().give_up(long)
    (usage,) = await ingest.sql.events(long, UsageRecorded)
    assert usage.outcome is Outcome.FAILED
    assert usage.input_tokens == sum(chunk["tokens"] for chunk in await ingest.sql.chunks(long)) > 0
    assert (usage.tenant.user_id, usage.reference) == (person.user_id, f"document/{long}")

    await ingest.wired.deletion.delete(person.principal, long)
    assert await ingest.sql.events(long, UsageRecorded) == [usage]


async def test_a_failed_document_that_an_operator_sends_again(ingest, stand_in, long) -> None:
    """What the failure told of its tokens is not told again by the success."""
    first, delivery = stand_in(fails_after=3), ingest.delivery()
    with pytest.raises(Unavailable):
        await ingest.processing(first, chunk_tokens=SIZE).process(long, once=delivery)
    await ingest.processing().give_up(long)
    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long, once=ingest.delivery())
    assert (await ingest.sql.document(long))["state"] == "failed"

    second = stand_in()
    await ingest.processing(second, chunk_tokens=SIZE).process(long, once=replace(delivery, redriven=True))

    row = await ingest.sql.document(long)
    assert (row["state"], row["reason"]) == ("ready", None)
    failed, completed = await ingest.sql.events(long, UsageRecorded)
    assert (failed.outcome, completed.outcome) == (Outcome.FAILED, Outcome.COMPLETED)
    assert (failed.input_tokens, completed.input_tokens) == (first.tokens, second.tokens)
    told = failed.input_tokens + completed.input_tokens
    assert told == sum(chunk["tokens"] for chunk in await ingest.sql.chunks(long)) == row["tokens_billed"]
    assert failed.usage_id != completed.usage_id


async def test_two_documents_share_the_worker(ingest, stand_in) -> None:
    ids = [await ingest.put(documents.korean_text(pages=4, seed=n)) for n in (51, 52, 53)]
    processing = ingest.processing(stand_in(), chunk_tokens=SIZE)
    await asyncio.gather(*(processing.process(each, once=ingest.delivery()) for each in ids))

    for each in ids:
        await ready_once(ingest, each)

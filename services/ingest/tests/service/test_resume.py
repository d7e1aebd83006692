"""Workers that die, are slow, or meet each other: the document ends once, and its tokens are told once."""

import asyncio
from datetime import timedelta
from uuid import UUID

import growfit_documents as documents
import pytest

from contracts.ingest import ChunksEmbedded, DocumentFailed, UsageRecorded
from contracts.usage import Outcome
from ingest.adapters.embedder_remote import RemoteEmbedder
from ingest.service.claims import LONGEST_WAIT, MAX_CLAIMS, ClaimService
from retrieval.configured import OWN_SHAPE, BatchShape
from retrieval.embeddings import MeteredEmbeddings
from retrieval.pgvector import PgVectorAdapter
from retrieval.store import VectorStoreAdapter
from retrieval.token_estimate import estimate_tokens

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


async def die(ingest, document_id, task: asyncio.Task) -> None:
    """A worker is killed, and half a minute goes by."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ingest.sql.expire(document_id)


async def embedded(ingest, document_id) -> list[str]:
    return [chunk["text"] for chunk in await ingest.sql.chunks(document_id) if chunk["embedding"] is not None]


async def ready_once(ingest, document_id, *, wasted: bool = False) -> UsageRecorded:
    """The document stands whole and once; the usage of what it is made of is returned, the only one unless `wasted`."""
    row, chunks = await ingest.sql.document(document_id), await ingest.sql.chunks(document_id)
    assert (row["state"], row["claim_id"], row["waits_for"]) == ("ready", None, None)
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
    task = asyncio.create_task(ingest.processing(first, chunk_tokens=SIZE).process(long))
    await until(first.hanging)
    await kept_by(ingest, long, 4 * OWN_SHAPE.texts)
    await die(ingest, long, task)
    kept = await embedded(ingest, long)
    assert len(kept) == 4 * OWN_SHAPE.texts
    assert await ingest.sql.events(long, UsageRecorded) == []
    assert await ingest.vectors(long) == 0

    second = stand_in()
    await ingest.processing(second, chunk_tokens=SIZE).process(long)

    usage = await ready_once(ingest, long)
    assert sorted(kept + second.texts) == sorted(chunk["text"] for chunk in await ingest.sql.chunks(long))
    assert usage.input_tokens == first.tokens + second.tokens


async def test_a_worker_may_die_before_the_first_batch_and_before_the_last_write(ingest, stand_in, long) -> None:
    at_once = stand_in(hangs_after=0)
    task = asyncio.create_task(ingest.processing(at_once, chunk_tokens=SIZE).process(long))
    await until(at_once.hanging)
    await die(ingest, long, task)
    embedder, index = stand_in(), Halted(ingest.wired.index)
    late = ingest.processing(embedder, index=index, chunk_tokens=SIZE)
    task = asyncio.create_task(late.process(long))
    await until(index.reached)
    await die(ingest, long, task)
    assert (await ingest.sql.document(long))["attempts"] == 2

    third = stand_in()
    await ingest.processing(third, chunk_tokens=SIZE).process(long)

    assert (await ready_once(ingest, long)).input_tokens == embedder.tokens
    assert third.calls == 0


async def test_nobody_takes_a_document_from_a_worker_that_lives(ingest, stand_in, long) -> None:
    first = stand_in(hangs_after=0)
    task = asyncio.create_task(ingest.processing(first, chunk_tokens=SIZE).process(long))
    await until(first.hanging)
    others = [ingest.processing(stand_in(), chunk_tokens=SIZE).process(long) for _ in range(5)]
    assert await asyncio.gather(*others) == [False] * 5
    first.go_on.set()
    await task

    assert (await ready_once(ingest, long)).input_tokens == first.tokens


async def test_of_many_workers_at_once_one_gets_it(ingest, stand_in, long) -> None:
    embedders = [stand_in() for _ in range(8)]
    runs = [ingest.processing(each, chunk_tokens=SIZE).process(long) for each in embedders]
    assert sorted(await asyncio.gather(*runs)) == [False] * 7 + [True]

    await ready_once(ingest, long)


async def test_the_slower_of_two_workers_changes_nothing(ingest, stand_in, long) -> None:
    """It was believed dead."""
    slow, fast = stand_in(hangs_after=2), stand_in()
    task = asyncio.create_task(ingest.processing(slow, chunk_tokens=SIZE).process(long))
    await until(slow.hanging)
    await ingest.sql.expire(long)
    await ingest.processing(fast, chunk_tokens=SIZE).process(long)
    row, chunks = await ingest.sql.document(long), await ingest.sql.chunks(long)
    slow.go_on.set()
    await task

    await ready_once(ingest, long, wasted=True)
    assert await ingest.sql.document(long) == row
    assert await ingest.sql.chunks(long) == chunks
    assert slow.calls <= 5
    told = await ingest.sql.events(long, UsageRecorded)
    assert sum(usage.input_tokens for usage in told) == slow.tokens + fast.tokens, "both were paid for"


async def test_a_worker_that_is_stopped_leaves_its_document_to_others_at_once(ingest, stand_in, long, settings) -> None:
    embedder = stand_in(hangs_after=0)
    processing = ingest.processing(embedder)
    processing._claims = ClaimService(ingest.wired.database, ingest.book())
    task = asyncio.create_task(processing.process(long))
    await until(embedder.hanging)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    row = await ingest.sql.document(long)
    assert (row["claim_id"], row["attempts"]) == (None, 0)

    assert await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long)
    await ready_once(ingest, long)


async def test_a_worker_that_outlived_its_lease_adds_no_vectors(ingest, stand_in, long) -> None:
    index = Halted(ingest.wired.index)
    slow = ingest.processing(stand_in(), index=index, chunk_tokens=SIZE)
    task = asyncio.create_task(slow.process(long))
    await until(index.reached)
    await ingest.sql.expire(long)
    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long)
    before = await ready_once(ingest, long)
    index.go_on.set()
    await task

    assert await ready_once(ingest, long) == before


async def test_vectors_that_come_after_a_deletion_do_not_stay(ingest, person, stand_in, long) -> None:
    """The owner deletes the document while its vectors are written: the deletion waits for the writer."""
    index = Halted(ingest.wired.index)
    task = asyncio.create_task(ingest.processing(stand_in(), index=index, chunk_tokens=SIZE).process(long))
    await until(index.reached)
    deleting = asyncio.create_task(ingest.wired.deletion.delete(person.principal, long))
    while (await ingest.sql.document(long))["state"] != "deleting":  # noqa: ASYNC110  the state is the database's
        await asyncio.sleep(0.02)
    index.go_on.set()
    await task
    receipt = await deleting

    assert await ingest.vectors(long) == 0
    assert (await ingest.sql.document(long))["state"] == "deleted"
    assert receipt["deleted"]["vectors"] + receipt["deleted"]["chunks"] > 0
    assert receipt["remaining"] == {"vectors": 0, "objects": 0, "chunks": 0}
    (usage,) = await ingest.sql.events(long, UsageRecorded)
    assert usage.outcome is Outcome.CANCELLED


async def test_vectors_of_a_writer_that_outlived_its_lease_go_with_the_sweep(ingest, person, stand_in, long) -> None:
    index = Halted(ingest.wired.index)
    task = asyncio.create_task(ingest.processing(stand_in(), index=index, chunk_tokens=SIZE).process(long))
    await until(index.reached)
    await ingest.sql.expire(long)
    await ingest.wired.deletion.delete(person.principal, long)
    index.go_on.set()
    await task
    await ingest.wired.deletion.sweep()

    assert await ingest.vectors(long) == 0
    assert (await ingest.sql.document(long))["state"] == "deleted"


async def test_a_file_that_ends_its_workers_is_given_up(ingest, stand_in, long) -> None:
    for _ in range(MAX_CLAIMS):
        embedder = stand_in(hangs_after=0)
        task = asyncio.create_task(ingest.processing(embedder).process(long))
        await until(embedder.hanging)
        await die(ingest, long, task)
    assert (await ingest.sql.document(long))["state"] == "embedding"
    last = stand_in()
    await ingest.processing(last).process(long)

    row = await ingest.sql.document(long)
    assert (row["state"], row["reason"], last.calls) == ("failed", "processing_failed", 0)
    assert len(await ingest.sql.events(long, DocumentFailed)) == 1


async def test_a_defect_is_tried_again_a_few_times(ingest, stand_in, long) -> None:
    class Broken:
        async def pages(self, path, media_type):
            raise ZeroDivisionError
            yield

    for tries in range(1, MAX_CLAIMS + 1):
        await ingest.processing(stand_in(), parser=Broken()).process(long)
        row = await ingest.sql.document(long)
        assert (row["state"], row["claim_id"], row["attempts"]) == ("validating", None, tries)
        assert not await ingest.processing(stand_in()).process(long), "it waits a little first"
        await ingest.sql.hurry(long)
    await ingest.processing(stand_in(), parser=Broken()).process(long)

    row = await ingest.sql.document(long)
    assert (row["state"], row["reason"]) == ("failed", "processing_failed")


async def test_an_embedder_that_is_down_keeps_the_work_and_costs_no_claim(ingest, stand_in, long) -> None:
    for calls in (1, 4, 0):
        await ingest.processing(stand_in(fails_after=calls), chunk_tokens=SIZE).process(long)
        row = await ingest.sql.document(long)
        assert (row["state"], row["claim_id"], row["attempts"]) == ("embedding", None, 0)
        assert row["chunks_embedded"] == len(await embedded(ingest, long)) > 0
        assert row["waits_for"] == "embedding_unavailable"
        assert row["waits_until"] > row["waits_since"]
        await ingest.sql.hurry(long)
    assert await ingest.sql.events(long, UsageRecorded) == []

    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long)
    await ready_once(ingest, long)


async def test_the_pauses_grow_and_a_day_is_enough(ingest, stand_in, long) -> None:
    """`waits_since` is moved, as a day would move it."""
    pauses = []
    for waited in (0, 10, 40, 3_000):
        moved = 'UPDATE "user".documents SET waits_since = now() - make_interval(secs => %s) WHERE document_id = %s'
        await ingest.sql.rows(moved, waited, long)
        await ingest.processing(stand_in(fails_after=0)).process(long)
        (row,) = await ingest.sql.rows(
            'SELECT extract(epoch FROM waits_until - clock_timestamp()) AS pause FROM "user".documents'
            " WHERE document_id = %s",
            long,
        )
        pauses.append(round(float(row["pause"]), -1))
        await ingest.sql.hurry(long)
    assert pauses == [0, 10, 40, 60]

    await ingest.sql.rows(
        'UPDATE "user".documents SET waits_since = now() - %s WHERE document_id = %s',
        LONGEST_WAIT + timedelta(minutes=1),
        long,
    )
    await ingest.processing(stand_in(fails_after=0)).process(long)
    row = await ingest.sql.document(long)
    assert (row["state"], row["reason"]) == ("failed", "embedding_unavailable")


async def test_a_real_embedding_server_that_is_down(ingest, long) -> None:
    """The wired one: nothing answers at its address."""
    await ingest.wired.processing.process(long)

    row = await ingest.sql.document(long)
    assert (row["state"], row["claim_id"], row["attempts"]) == ("chunking", None, 0)
    assert row["waits_for"] == "embedding_unavailable"


async def test_a_provider_that_is_left_alone_is_waited_for_and_costs_no_claim(ingest, words, person) -> None:
    """Five failures in a row, then it is not called for five seconds; nor is the document taken up until then."""
    document_id = await ingest.put(words(30), person=person)
    async with MeteredEmbeddings(ingest.wired.index.model, base_url="http://127.0.0.1:1/v1", retries=0) as nobody:
        processing = ingest.processing(RemoteEmbedder(nobody))
        for tries in range(1, 7):
            await ingest.sql.hurry(document_id)
            await ingest.sql.rows('UPDATE "user".documents SET waits_since = NULL')
            assert await processing.process(document_id)
            row = await ingest.sql.document(document_id)
            assert (row["waits_for"], row["attempts"], row["claim_id"]) == ("embedding_unavailable", 0, None)
            pause = (row["waits_until"] - row["waits_since"]).total_seconds()
            assert (pause == 1.0) == (tries < 6), tries
        assert 3 < pause <= 5


@pytest.mark.parametrize(("texts", "tokens"), [(7, 100_000), (100, 350)])
async def test_calls_are_as_full_as_the_provider_takes_them(ingest, stand_in, long, texts, tokens) -> None:
    embedder = stand_in(shape=BatchShape(texts, tokens, calls_at_once=1))
    await ingest.processing(embedder, chunk_tokens=SIZE).process(long)

    sizes = [sum(map(estimate_tokens, sent)) for sent in embedder.sent]
    assert len(sizes) > 2
    assert all(len(sent) <= texts for sent in embedder.sent)
    assert all(size <= tokens for size in sizes)
    following = zip(embedder.sent, sizes, embedder.sent[1:], strict=False)
    assert all(len(sent) == texts or size + estimate_tokens(after[0]) > tokens for sent, size, after in following)


async def test_no_more_calls_run_at_once_than_the_provider_takes(ingest, stand_in, long) -> None:
    embedder = stand_in(hangs_after=0, shape=BatchShape(texts=2, tokens=10_000, calls_at_once=5))
    work = asyncio.create_task(ingest.processing(embedder, chunk_tokens=SIZE).process(long))
    while embedder.calls < 5:  # noqa: ASYNC110  the stand-in tells of its first call alone
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert embedder.calls == 5
    embedder.go_on.set()
    await work
    await ready_once(ingest, long)


async def test_an_index_that_is_down(ingest, stand_in, long, settings) -> None:
    nowhere = settings.vector_database_url.rsplit("@", 1)[0] + "@127.0.0.1:1/growfit"
    index = PgVectorAdapter(
        nowhere, model=ingest.wired.index.model, analyser=ingest.wired.index.analyser, connection_wait=0.3
    )
    await index.open()
    try:
        await ingest.processing(stand_in(), index=index).process(long)
    finally:
        await index.close()

    row = await ingest.sql.document(long)
    assert (row["state"], row["waits_for"], row["attempts"]) == ("embedding", "index_unavailable", 0)
    again = stand_in()
    await ingest.sql.hurry(long)
    await ingest.processing(again).process(long)
    assert again.calls == 0
    await ready_once(ingest, long)


async def test_a_storage_that_is_down(ingest, stand_in, long, objects) -> None:
    away = objects.with_name("away")
    objects.rename(away)
    objects.write_text("no folder")
    try:
        row = await ingest.process(long, stand_in())
    finally:
        objects.unlink()
        away.rename(objects)

    assert row["waits_for"] == "storage_unavailable"
    assert (await ingest.process(long, stand_in()))["state"] == "ready"


async def test_calls_that_were_billed_and_brought_nothing_are_told(ingest, person, stand_in, long) -> None:
    first = stand_in(fails_after=3, wastes=7)
    await ingest.processing(first, chunk_tokens=SIZE).process(long)
    failed = await ingest.sql.events(long, UsageRecorded)
    assert [(each.input_tokens, each.outcome) for each in failed] == [(7, Outcome.FAILED)] * (first.calls - 3)
    assert {(each.tenant.user_id, each.reference) for each in failed} == {(person.user_id, f"document/{long}")}

    await ingest.sql.hurry(long)
    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(long)
    spent = sum(chunk["tokens"] for chunk in await ingest.sql.chunks(long))
    told = [each for each in await ingest.sql.events(long, UsageRecorded) if each.outcome is Outcome.COMPLETED]
    assert [each.input_tokens for each in told] == [spent]


async def test_another_recipe_in_the_middle_of_a_document_mixes_nothing(ingest, stand_in, long) -> None:
    first, second = stand_in(fails_after=2), stand_in()
    await ingest.processing(first, chunk_tokens=SIZE).process(long)
    cut = len(await ingest.sql.chunks(long))
    await ingest.sql.hurry(long)
    await ingest.processing(second, chunk_tokens=4 * SIZE).process(long)

    await ready_once(ingest, long, wasted=True)
    told = await ingest.sql.events(long, UsageRecorded)
    assert [(each.outcome, each.input_tokens) for each in told] == [
        (Outcome.CANCELLED, first.tokens),
        (Outcome.COMPLETED, second.tokens),
    ]
    row = await ingest.sql.document(long)
    assert row["chunk_count"] < cut / 2
    assert row["recipe"]["tokens"] == 4 * SIZE


async def test_recipes_that_change_back_and_forth_are_all_told(ingest, person, stand_in, long) -> None:
    """Also when the work was cancelled, and told of, in between."""
    embedders = []
    for number, size in enumerate((SIZE, 4 * SIZE, SIZE, 4 * SIZE)):
        embedders.append(stand_in(fails_after=2))
        await ingest.processing(embedders[-1], chunk_tokens=size).process(long)
        await ingest.sql.hurry(long)
        if number % 2:
            await ingest.wired.lifecycle.cancel(person.principal, long)
            await ingest.wired.lifecycle.retry(person.principal, long)
    embedders.append(stand_in())
    await ingest.processing(embedders[-1], chunk_tokens=SIZE).process(long)

    await ready_once(ingest, long, wasted=True)
    told = await ingest.sql.events(long, UsageRecorded)
    assert sum(each.input_tokens for each in told) == sum(each.tokens for each in embedders)


async def test_two_documents_share_the_worker(ingest, stand_in) -> None:
    ids = [await ingest.put(documents.korean_text(pages=4, seed=n)) for n in (51, 52, 53)]
    processing = ingest.processing(stand_in(), chunk_tokens=SIZE)
    await asyncio.gather(*(processing.process(each) for each in ids))

    for each in ids:
        await ready_once(ingest, each)

"""Cancelling and trying again, through the HTTP door."""

import asyncio
import time

import growfit_documents as documents
import pytest

from contracts.ingest import DocumentFailed, UsageRecorded
from contracts.usage import Outcome


@pytest.fixture
async def embedding(ingest, person, stand_in):
    """A document in the middle of its embedding: (id, the worker's task, its embedder)."""
    document_id = await ingest.put(documents.korean_text(pages=8, seed=81), person=person)
    embedder = stand_in(hangs_after=2)
    task = asyncio.create_task(ingest.processing(embedder, chunk_tokens=40).process(document_id))
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    while not (await ingest.sql.document(document_id))["chunks_embedded"]:  # noqa: ASYNC110  the state is the database's
        await asyncio.sleep(0.02)
    yield document_id, task, embedder
    embedder.go_on.set()
    await task


async def test_cancelling_ends_the_work_and_tells_what_was_spent(client, ingest, person, embedding) -> None:
    document_id, task, embedder = embedding
    answer = await client.ask(person, "POST", f"/documents/{document_id}/cancel")
    body = answer.json()
    assert (answer.status_code, body["state"], body["problem"]["code"]) == (200, "cancelled", "cancelled")
    assert body["searchable"] is False
    embedder.go_on.set()
    await task

    row = await ingest.sql.document(document_id)
    assert (row["state"], row["claim_id"]) == ("cancelled", None)
    assert await ingest.vectors(document_id) == 0
    (event,) = await ingest.sql.events(document_id, DocumentFailed)
    assert event.reason == "cancelled"
    told = await ingest.sql.events(document_id, UsageRecorded)
    assert {usage.outcome for usage in told} == {Outcome.CANCELLED}
    assert sum(usage.input_tokens for usage in told) == embedder.tokens


async def test_a_parser_that_reads_for_hours_is_stopped_within_two_seconds(client, ingest, person, words) -> None:
    reading, ended = asyncio.Event(), asyncio.Event()

    class Endless:
        async def pages(self, path, media_type):
            try:
                reading.set()
                await asyncio.Event().wait()
                yield
            finally:
                ended.set()

    document_id = await ingest.put(words(30), person=person)
    task = asyncio.create_task(ingest.processing(parser=Endless()).process(document_id))
    await asyncio.wait_for(reading.wait(), 20)
    started = time.monotonic()
    assert (await client.ask(person, "POST", f"/documents/{document_id}/cancel")).status_code == 200
    await asyncio.wait_for(ended.wait(), 20)
    assert time.monotonic() - started < 2, "the issue's own bound"
    await task


async def test_what_waits_is_cancelled_at_once_and_never_begun(client, ingest, person, words, stand_in) -> None:
    document_id = await ingest.put(words(30), person=person)
    await client.ask(person, "POST", f"/documents/{document_id}/cancel")

    embedder = stand_in()
    assert not await ingest.processing(embedder).process(document_id)
    assert embedder.calls == 0


async def test_a_cancelled_document_is_tried_again_and_pays_for_nothing_twice(
    client, ingest, person, embedding, stand_in
) -> None:
    document_id, task, embedder = embedding
    await client.ask(person, "POST", f"/documents/{document_id}/cancel")
    embedder.go_on.set()
    await task
    kept = sum(chunk["embedding"] is not None for chunk in await ingest.sql.chunks(document_id))
    assert kept
    answer = await client.ask(person, "POST", f"/documents/{document_id}/retry")
    assert (answer.status_code, answer.json()["state"], answer.json()["problem"]) == (202, "uploaded", None)
    again = stand_in()
    await ingest.processing(again, chunk_tokens=40).process(document_id)

    chunks = await ingest.sql.chunks(document_id)
    assert (await ingest.sql.document(document_id))["state"] == "ready"
    assert len(again.texts) == len(chunks) - kept
    told = await ingest.sql.events(document_id, UsageRecorded)
    assert sum(usage.input_tokens for usage in told) == embedder.tokens + again.tokens


@pytest.mark.parametrize("end", ["failed", "ready"])
async def test_what_nobody_works_on_cannot_be_cancelled(client, ingest, person, words, problem, end) -> None:
    document_id = await ingest.put(words(30), person=person)
    await (ingest.process(document_id) if end == "ready" else ingest.fail(document_id))
    body = problem(await client.ask(person, "POST", f"/documents/{document_id}/cancel"), 409, "not_in_progress")

    assert end in body["detail"]
    assert (await ingest.sql.document(document_id))["state"] == end


@pytest.mark.parametrize("state", ["uploaded", "ready"])
async def test_what_has_not_failed_cannot_be_tried_again(client, ingest, person, words, problem, state) -> None:
    document_id = await ingest.put(words(30), person=person)
    if state == "ready":
        await ingest.process(document_id)

    problem(await client.ask(person, "POST", f"/documents/{document_id}/retry"), 409, "nothing_to_retry")


async def test_a_failed_document_whose_file_lives_again_is_not_tried_again(
    client, ingest, person, words, problem
) -> None:
    failed = await ingest.put(words(30), person=person)
    await ingest.fail(failed)
    twin = await ingest.put(words(30), person=person)
    body = problem(await client.ask(person, "POST", f"/documents/{failed}/retry"), 409, "document_duplicate")

    assert body["document_id"] == str(twin)
    assert (await ingest.sql.document(failed))["state"] == "failed"


async def test_a_ready_document_is_processed_anew_and_stays_searchable(client, ingest, person, words) -> None:
    document_id = await ingest.put(words(30), person=person)
    await ingest.process(document_id)
    answer = await client.ask(person, "POST", f"/documents/{document_id}/reprocess")
    body = answer.json()

    assert (answer.status_code, body["state"], body["revision"], body["searchable"]) == (202, "uploaded", 2, True)
    assert (await ingest.process(document_id))["state"] == "ready"


@pytest.mark.parametrize("act", ["cancel", "retry", "reprocess"])
async def test_they_are_the_owners_alone(client, ingest, words, another, problem, act) -> None:
    school = await ingest.open_school()
    document_id = await ingest.put(words(30), person=school.teacher, class_id=school.class_id, shared=True)
    path = f"/documents/{document_id}/{act}"

    problem(await client.ask(another(), "POST", path), 404, "document_not_found")
    problem(await client.ask(school.student, "POST", path), 403, "not_the_owner")
    assert (await ingest.sql.document(document_id))["state"] == "uploaded"


async def test_of_two_cancellations_at_once_one_is_told_that_it_is_done(client, person, embedding) -> None:
    document_id, _, _ = embedding
    answers = await asyncio.gather(*(client.ask(person, "POST", f"/documents/{document_id}/cancel") for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]

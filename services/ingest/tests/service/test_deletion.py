"""Deleting leaves nothing, says so, and goes on after whatever interrupted it."""

import asyncio
from datetime import timedelta
from uuid import UUID

import growfit_documents as documents
import pytest

from chassis.errors import NotFound, Unavailable
from contracts.audit import AuditOutcome
from contracts.envelope import decode
from contracts.ingest import AuditRecorded, ChunksEmbedded, DocumentDeleted, DocumentUploaded, UsageRecorded
from contracts.usage import Outcome
from ingest.errors import STORAGE_UNAVAILABLE
from ingest.factory import wire
from ingest.service import deletion
from ingest.service.deletion import STANDSTILL
from ingest.service.intake import Incoming

LATE = STANDSTILL + timedelta(seconds=30)


@pytest.fixture
async def ready(ingest, person, stand_in) -> UUID:
    document_id = await ingest.put(documents.korean_text(pages=2, seed=61), person=person)
    await ingest.process(document_id, stand_in())
    return document_id


@pytest.fixture
async def blind(settings):
    """A second installation on the same data that cannot reach the vector index."""
    nowhere = settings.vector_database_url.rsplit("@", 1)[0] + "@127.0.0.1:1/growfit"
    wired = wire(settings.model_copy(update={"vector_database_url": nowhere}))
    wired.index._database._pool.timeout = 0.3
    await wired.index.open()
    yield wired
    await wired.index.close()
    await wired.database.close()


async def gone(ingest, document_id: UUID) -> None:
    row = await ingest.sql.document(document_id)
    assert (row["state"], row["title"], row["dedupe_key"], row["claim_id"]) == ("deleted", "", None, None)
    assert await ingest.sql.chunks(document_id) == []
    assert await ingest.vectors(document_id) == 0
    assert len(await ingest.sql.events(document_id, DocumentDeleted)) == 1


async def test_the_receipt_counts_what_was_there_and_what_is_left(client, ingest, person, ready, objects) -> None:
    row, chunks = await ingest.sql.document(ready), len(await ingest.sql.chunks(ready))
    answer = await client.ask(person, "DELETE", f"/documents/{ready}")

    body = answer.json()
    assert answer.status_code == 200
    assert body["document_id"] == str(ready)
    assert body["deleted"] == {"vectors": chunks, "objects": 1, "chunks": chunks}
    assert body["remaining"] == {"vectors": 0, "objects": 0, "chunks": 0}
    assert not (objects / row["storage_key"]).exists()
    await gone(ingest, ready)
    (event,) = await ingest.sql.events(ready, DocumentDeleted)
    assert (event.chunks_deleted, event.tenant.user_id) == (chunks, person.user_id)
    assert (await ingest.sql.document(ready))["receipt"]["deleted"]["vectors"] == chunks > 1
    assert (await ingest.sql.document(ready))["sha256"] == "", "a receipt does not tell which file it was"


async def test_a_second_delete_finds_nothing(client, ingest, person, ready, problem) -> None:
    assert (await client.ask(person, "DELETE", f"/documents/{ready}")).status_code == 200

    for method, path in (("DELETE", ""), ("GET", ""), ("GET", "/events")):
        problem(await client.ask(person, method, f"/documents/{ready}{path}"), 404, "document_not_found")
    assert (await client.ask(person, "GET", "/documents")).json()["items"] == []
    await gone(ingest, ready)


async def test_of_many_deletes_at_once_the_document_goes_once(ingest, person, ready) -> None:
    chunks = len(await ingest.sql.chunks(ready))
    answers = await asyncio.gather(
        *(ingest.wired.deletion.delete(person.principal, ready) for _ in range(5)), return_exceptions=True
    )

    receipts = [answer for answer in answers if isinstance(answer, dict)]
    assert receipts
    assert all(isinstance(answer, dict | NotFound) for answer in answers)
    assert all(receipt["deleted"]["chunks"] == chunks for receipt in receipts)
    await gone(ingest, ready)


async def test_a_document_that_was_never_processed(ingest, person, words) -> None:
    document_id = await ingest.put(words(30), person=person)
    receipt = await ingest.wired.deletion.delete(person.principal, document_id)

    assert receipt["deleted"] == {"vectors": 0, "objects": 1, "chunks": 0}
    assert await ingest.sql.events(document_id, UsageRecorded) == []
    row = await ingest.process(document_id)
    assert row["state"] == "deleted"
    await gone(ingest, document_id)


async def test_deleted_while_it_is_embedded(ingest, person, stand_in) -> None:
    document_id = await ingest.put(documents.korean_text(pages=12, seed=62), person=person)
    embedder = stand_in(hangs_after=3)
    processing = ingest.processing(embedder, chunk_tokens=40)
    task = asyncio.create_task(processing.process(document_id))
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    receipt = await ingest.wired.deletion.delete(person.principal, document_id)
    embedder.go_on.set()
    await task

    assert receipt["deleted"]["chunks"] > 16
    await gone(ingest, document_id)
    assert await ingest.sql.events(document_id, ChunksEmbedded) == []
    told = await ingest.sql.events(document_id, UsageRecorded)
    assert {usage.outcome for usage in told} == {Outcome.CANCELLED}
    assert sum(usage.input_tokens for usage in told) == embedder.tokens, "also the calls under way at the deletion"


async def test_a_deletion_that_cannot_be_finished_is_finished_later(
    client, ingest, person, ready, blind, problem
) -> None:
    with pytest.raises(Unavailable) as failure:
        await blind.deletion.delete(person.principal, ready)
    assert failure.value.code == "deletion_incomplete"
    assert failure.value.headers["Retry-After"]
    assert (await ingest.sql.document(ready))["state"] == "deleting"
    problem(await client.ask(person, "GET", f"/documents/{ready}"), 404, "document_not_found")

    await ingest.wired.deletion.sweep()
    assert (await ingest.sql.document(ready))["state"] == "deleting"
    await ingest.sql.age(ready, LATE)
    await ingest.wired.deletion.sweep()

    await gone(ingest, ready)
    assert (await ingest.sql.document(ready))["receipt"]["remaining"] == {"vectors": 0, "objects": 0, "chunks": 0}


@pytest.mark.parametrize("end", ["ready", "failed"])
async def test_what_has_ended_is_left_alone(ingest, person, words, end) -> None:
    document_id = await ingest.put(words(30), person=person)
    await (ingest.process(document_id) if end == "ready" else ingest.fail(document_id))
    await ingest.sql.age(document_id, LATE)
    await ingest.wired.deletion.sweep()

    assert len(await ingest.sql.events(document_id, DocumentUploaded)) == 1
    assert (await ingest.sql.document(document_id))["state"] == end


async def test_vectors_that_a_killed_worker_left_are_swept(ingest, person, ready) -> None:
    """It was killed between writing them and seeing that the document is gone."""
    held = [item for item in await ingest.wired.index.scroll() if item[2]["doc_id"] == str(ready)]
    await ingest.wired.deletion.delete(person.principal, ready)
    assert await ingest.wired.index.upsert_embeddings(held) == 0, "its tombstone keeps it out"
    await ingest.wired.index.purge_tombstones(older_than_seconds=-1)
    await ingest.wired.index.upsert_embeddings(held)
    assert await ingest.vectors(ready) == len(held)

    await ingest.wired.deletion.sweep()
    await gone(ingest, ready)


async def test_an_index_remembers_a_deletion_for_long_and_not_for_ever(ingest, person, ready, monkeypatch) -> None:
    await ingest.wired.deletion.delete(person.principal, ready)
    version = (await ingest.sql.document(ready))["version"]
    await ingest.wired.deletion.forget_old()
    assert await ingest.wired.index.tombstone(str(ready)) == version

    monkeypatch.setattr(deletion, "_REMEMBERED", timedelta(seconds=-1))
    await ingest.wired.deletion.forget_old()
    assert await ingest.wired.index.tombstone(str(ready)) is None


async def test_a_deletion_that_cannot_be_finished_holds_up_no_other(
    ingest, person, words, objects, monkeypatch
) -> None:
    stuck, other = [await ingest.put(words(30, seed=n), person=person) for n in (71, 72)]
    for document_id in (stuck, other):
        begun = """UPDATE "user".documents SET state = 'deleting', dedupe_key = NULL WHERE document_id = %s"""
        await ingest.sql.rows(begun, document_id)
        await ingest.sql.age(document_id, LATE)
    delete = ingest.wired.deletion._storage.delete

    async def refuse(key: str) -> int:
        if str(stuck) in key:
            raise Unavailable(STORAGE_UNAVAILABLE)
        return await delete(key)

    monkeypatch.setattr(ingest.wired.deletion._storage, "delete", refuse)
    await ingest.wired.deletion.sweep()
    assert (await ingest.sql.document(stuck))["state"] == "deleting"
    await gone(ingest, other)


@pytest.fixture
def audited(sql):
    async def entries(document_id: UUID) -> list[AuditRecorded]:
        query = """SELECT payload::text AS body FROM ingest.outbox WHERE subject = %s
            AND payload->'data'->>'target' = %s ORDER BY id"""
        rows = await sql.rows(query, AuditRecorded.type, f"document/{document_id}")
        return [event for row in rows if isinstance(event := decode(row["body"].encode()).data, AuditRecorded)]

    return entries


async def test_a_deletion_stands_in_the_audit_log_once(client, ingest, words, audited) -> None:
    school = await ingest.open_school()
    document_id = await ingest.put(words(30), person=school.teacher, class_id=school.class_id)
    path, headers = f"/documents/{document_id}", {"User-Agent": "a-browser/1.0"}
    answer = await client.ask(school.teacher, "DELETE", path, headers=headers)
    assert (await client.ask(school.teacher, "DELETE", path)).status_code == 404

    (entry,) = await audited(document_id)
    assert (entry.action, entry.outcome) == ("document.deleted", AuditOutcome.SUCCEEDED)
    assert (entry.actor_id, entry.class_id) == (school.teacher.user_id, school.class_id)
    assert (entry.org_id, entry.partner_id) == (school.org_id, school.partner_id)
    assert entry.request_id == answer.headers["x-request-id"]
    assert entry.user_agent == "a-browser/1.0"


async def test_what_was_not_deleted_does_not_stand_there(client, ingest, words, another, audited) -> None:
    school = await ingest.open_school()
    shared = await ingest.put(words(30), person=school.teacher, shared=True, class_id=school.class_id)
    for person in (school.student, another()):
        await client.ask(person, "DELETE", f"/documents/{shared}")
    await ingest.wired.deletion.sweep()

    assert await audited(shared) == []
    refused = """SELECT payload->'data' AS entry FROM ingest.outbox WHERE subject = %s
        AND payload->'data'->>'actor_id' = %s"""
    (row,) = await ingest.sql.rows(refused, AuditRecorded.type, str(school.student.user_id))
    assert (row["entry"]["action"], row["entry"]["outcome"]) == ("request.forbidden", "refused")


async def after_a_while(ingest, document_id: UUID) -> None:
    await ingest.sql.expire(document_id)
    await ingest.sql.hurry(document_id)
    await ingest.sql.age(document_id, LATE)


class Killed(BaseException):
    """Ends a deletion as a kill would: nothing is noted any more."""


@pytest.fixture
def dying(ingest, monkeypatch):
    """`dying("files", when="after")`: of the next deletion, the process dies right before or after this step."""

    def kill(step: str, *, when: str) -> None:
        store, deletion_ = ingest.wired.index, ingest.wired.deletion
        owner, name = {"vectors": (store, "delete_by_doc_id"), "files": (deletion_._storage, "delete")}[step]
        real = getattr(owner, name)

        async def dies(*arguments, **options):
            monkeypatch.setattr(owner, name, real)
            if when == "after":
                await real(*arguments, **options)
            raise Killed

        monkeypatch.setattr(owner, name, dies)

    return kill


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("steps", [["vectors"], ["files"], ["vectors", "files"]])
async def test_the_receipt_is_exact_whoever_is_killed(ingest, person, ready, dying, steps, when) -> None:
    chunks = len(await ingest.sql.chunks(ready))
    for number, step in enumerate(steps):
        dying(step, when=when)
        work = ingest.wired.deletion.sweep() if number else ingest.wired.deletion.delete(person.principal, ready)
        with pytest.raises(Killed):
            await work
        await after_a_while(ingest, ready)
    await ingest.wired.deletion.sweep()

    await gone(ingest, ready)
    receipt = (await ingest.sql.document(ready))["receipt"]
    assert receipt["deleted"] == {"vectors": chunks, "objects": 1, "chunks": chunks}
    assert receipt["remaining"] == {"vectors": 0, "objects": 0, "chunks": 0}
    assert receipt["indexes"] == {ingest.wired.indexes.first: {"deleted": chunks, "remaining": 0}}


async def test_two_files_are_counted_though_a_kill_comes_between_them(ingest, person, ready, words, dying) -> None:
    async def content():
        yield words(60)

    await ingest.wired.replacement.replace(person.principal, ready, Incoming(file_name="새.txt", content=content()))
    dying("files", when="after")
    with pytest.raises(Killed):
        await ingest.wired.deletion.delete(person.principal, ready)
    await after_a_while(ingest, ready)
    await ingest.wired.deletion.sweep()

    assert (await ingest.sql.document(ready))["receipt"]["deleted"]["objects"] == 2

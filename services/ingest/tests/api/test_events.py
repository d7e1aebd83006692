"""`GET /documents/{id}/events`: what the uploader watches."""

import asyncio
import json

import growfit_documents as documents
import httpx_sse
import pytest

from ingest.service.documents import DocumentService

ORDER = ["uploaded", "validating", "parsing", "chunking", "embedding", "ready"]


@pytest.fixture
def told(monkeypatch):
    """`await told(wanted)`: until whoever follows has been told of the document as it is wanted."""
    queue, follow = asyncio.Queue(), DocumentService.follow

    async def noted(*args, **options):
        async for document in follow(*args, **options):
            queue.put_nowait(document)
            yield document

    monkeypatch.setattr(DocumentService, "follow", noted)

    async def wait(wanted=lambda _: True) -> None:
        async with asyncio.timeout(30):
            while not wanted(await queue.get()):
                pass

    return wait


@pytest.fixture
def follow(client):
    async def events(person, document_id, language: str = "ko") -> list[tuple[str, str, dict]]:
        answer = await client.ask(person, "GET", f"/documents/{document_id}/events", language)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache, no-transform"
        return [(e.event, e.id, json.loads(e.data)) for e in httpx_sse.EventSource(answer).iter_sse()]

    return events


async def test_a_document_is_followed_until_it_is_ready(ingest, follow, told, person, words, stand_in) -> None:
    document_id = await ingest.put(words(4000), person=person)
    watching = asyncio.create_task(follow(person, document_id))
    await told()
    embedder = stand_in(hangs_after=3)
    working = asyncio.create_task(ingest.processing(embedder, chunk_tokens=32).process(document_id))
    await asyncio.wait_for(embedder.hanging.wait(), 20)
    await told(lambda document: document.state == "embedding" and document.chunks_embedded)
    embedder.go_on.set()
    await working
    events = await watching

    assert {name for name, _, _ in events} == {"progress"}
    assert [number for _, number, _ in events] == [str(n) for n in range(1, len(events) + 1)]
    states = [ORDER.index(data["state"]) for _, _, data in events]
    assert states == sorted(states)
    assert (ORDER[states[0]], ORDER[states[-1]]) == ("uploaded", "ready")
    assert ORDER.index("embedding") in states
    progress = [data["progress"] for _, _, data in events]
    assert progress == sorted(progress)
    assert any(0.1 < share < 1 for share in progress)
    assert progress[-1] == 1.0
    assert events[-1][2]["chunk_count"] == len(await ingest.sql.chunks(document_id))


async def test_a_document_that_is_done_gives_one_event(ingest, follow, person, words, stand_in) -> None:
    document_id = await ingest.put(words(100), person=person)
    await ingest.process(document_id, stand_in())

    ((name, _, data),) = await follow(person, document_id)
    assert (name, data["state"], data["progress"]) == ("progress", "ready", 1.0)


@pytest.mark.parametrize(("language", "said"), [("ko", "암호로 보호된"), ("en", "protected by a password")])
async def test_a_failure_is_told_in_the_callers_language(ingest, follow, person, stand_in, language, said) -> None:
    document_id = await ingest.put(documents.encrypted_pdf(), name="잠김.pdf", person=person)
    await ingest.process(document_id, stand_in())

    ((_, _, data),) = await follow(person, document_id, language)
    assert (data["state"], data["problem"]["code"]) == ("rejected", "pdf_encrypted")
    assert said in data["problem"]["detail"]


async def test_a_deletion_meanwhile_is_told(client, ingest, follow, told, person, words) -> None:
    document_id = await ingest.put(words(100), person=person)
    watching = asyncio.create_task(follow(person, document_id))
    await told()
    assert (await client.ask(person, "DELETE", f"/documents/{document_id}")).status_code == 200
    events = await watching

    assert [name for name, _, _ in events] == ["progress", "deleted"]
    assert events[-1] == ("deleted", "2", {"document_id": str(document_id)})


async def test_whoever_is_banned_meanwhile_sees_no_more(client, ingest, follow, person, words) -> None:
    document_id = await ingest.put(words(100), person=person)
    watching = asyncio.create_task(follow(person, document_id))
    await ingest.sql.rows("INSERT INTO ingest.revocations (subject_id, least_epoch) VALUES (%s, 1)", person.user_id)
    events = await watching

    assert [name for name, _, _ in events] == ["progress", "error"]
    assert (events[-1][2]["code"], events[-1][2]["status"]) == ("session_ended", 401)

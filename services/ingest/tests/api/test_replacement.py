"""`PUT /documents/{id}/content`: another file as newer content; everybody sees the one before or the newer, whole."""

import asyncio
import hashlib
import json
import time
from uuid import UUID, uuid4

import growfit_documents as documents
import pytest

from chassis import platform
from chassis.clock import now
from chassis.delivery import Delivery
from contracts.envelope import wrap
from contracts.identity import PlatformSettingsChanged
from contracts.ingest import ChunksEmbedded, DocumentFailed
from ingest.models import ACCESS
from ingest.service.replacement import ReplacementService

SIZE = 40


@pytest.fixture
def put(client):
    async def send(person, document_id, content, *, name="새 안내.txt", language="ko", **query):
        files = {"file": (name, content, "application/octet-stream")}
        return await client.ask(person, "PUT", f"/documents/{document_id}/content", language, files=files, params=query)

    return send


@pytest.fixture
async def ready(ingest, person, words, stand_in):
    document_id = await ingest.put(words(300, seed=1), person=person, name="안내.txt")
    await ingest.processing(stand_in(), chunk_tokens=SIZE).process(document_id)
    return document_id


@pytest.fixture
def shown(ingest, person):
    """`shown(document_id)`: what search finds of it, as (titles, the number that its sentences begin with)."""

    async def look(document_id):
        filters = {"scopes": [f"user:{person.user_id}"], "doc_id": str(document_id)}
        hits = await ingest.wired.index.query([1.0] * 384, 1000, filters)
        return {hit.metadata["title"] for hit in hits}, {hit.metadata["text"].split("차 ")[0] for hit in hits}

    return look


@pytest.fixture
def pending(ingest):
    async def rows(person) -> int:
        return len(await ingest.sql.rows("SELECT 1 FROM ingest.pending_objects WHERE owner_id = %s", person.user_id))

    return rows


@pytest.fixture
def files_of(stored):
    return lambda document_id: [path for path in stored() if str(document_id) in path]


OLD, NEW = ({"안내.txt"}, {"1"}), ({"새 안내.txt"}, {"2"})


async def test_search_and_downloads_keep_to_the_file_before_until_the_newer_is_ready(
    client, ingest, person, ready, put, shown, words, stand_in, files_of, pending
) -> None:
    old, new = words(300, seed=1), words(500, seed=2)
    answer = await put(person, ready, new)
    body = answer.json()
    assert (answer.status_code, body["document_id"], body["title"]) == (202, str(ready), "새 안내.txt")
    assert (body["state"], body["revision"], body["searchable"], body["size_bytes"]) == ("uploaded", 2, True, len(new))
    assert await shown(ready) == OLD
    path = f"/documents/{ready}/content"
    before = await client.ask(person, "GET", path)
    assert (before.content, before.headers["etag"]) == (old, f'"{hashlib.sha256(old).hexdigest()}"')
    assert (await client.ask(person, "HEAD", path)).headers["content-length"] == str(len(old))
    assert len(files_of(ready)) == 2

    seen = []
    work = asyncio.create_task(ingest.processing(stand_in(), chunk_tokens=SIZE).process(ready))
    while not work.done():
        seen.append(await shown(ready))
    await work
    assert len(seen) > 3
    assert all(found in (OLD, NEW) for found in seen), "never both and never none"
    assert await shown(ready) == NEW
    assert (await client.ask(person, "GET", path)).content == new
    assert (len(files_of(ready)), await pending(person)) == (1, 0)
    first, second = await ingest.sql.events(ready, ChunksEmbedded)
    assert (first.title, second.title, second.version) == ("안내.txt", "새 안내.txt", first.version + 1)


async def test_name_and_type_may_change(ingest, person, ready, put) -> None:
    answer = await put(person, ready, documents.korean_pdf(2, seed=5), name="안내서.pdf")

    assert (answer.status_code, answer.json()["media_type"]) == (202, "application/pdf")
    row = await ingest.process(ready)
    assert (row["state"], row["page_count"], row["title"]) == ("ready", 2, "안내서.pdf")


async def test_the_same_file_changes_nothing(ingest, person, ready, put, words, files_of, pending) -> None:
    before, files = await ingest.sql.document(ready), files_of(ready)
    answer = await put(person, ready, words(300, seed=1), name="다른 이름.txt")

    assert (answer.status_code, answer.json()["title"], answer.json()["revision"]) == (200, "안내.txt", 1)
    assert await ingest.sql.document(ready) == before
    assert (files_of(ready), await pending(person)) == (files, 0)


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_another_document_s_file_is_refused_unless_it_is_allowed(
    ingest, person, ready, put, words, problem, files_of, pending, language
) -> None:
    twin = await ingest.put(words(60, seed=7), person=person, name="쌍둥이.txt")
    before, files = await ingest.sql.document(ready), files_of(ready)
    body = problem(await put(person, ready, words(60, seed=7), language=language), 409, "document_duplicate")
    assert (body["document_id"], "쌍둥이.txt" in body["detail"]) == (str(twin), True)
    assert await ingest.sql.document(ready) == before
    assert (files_of(ready), await pending(person)) == (files, 0)

    assert (await put(person, ready, words(60, seed=7), duplicate="allow")).status_code == 202
    assert (await ingest.process(ready))["state"] == "ready"


async def test_while_it_is_worked_on_another_file_is_refused(
    client, ingest, person, ready, put, shown, words, problem, files_of
) -> None:
    await put(person, ready, words(200, seed=2))
    files = files_of(ready)
    for language, said in (("ko", "cancel을 보낸 뒤"), ("en", "send `cancel`")):
        body = problem(await put(person, ready, words(200, seed=3), language=language), 409, "in_progress")
        assert said in body["detail"]
    assert files_of(ready) == files

    await client.ask(person, "POST", f"/documents/{ready}/cancel")
    assert (await put(person, ready, words(200, seed=3))).status_code == 202
    assert await shown(ready) == OLD


async def test_of_several_at_once_one_is_taken(person, ready, put, words, files_of, pending) -> None:
    answers = await asyncio.gather(*(put(person, ready, words(200, seed=seed)) for seed in range(2, 7)))

    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    assert (len(files_of(ready)), await pending(person)) == (2, 0)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
async def test_a_newer_file_that_comes_to_nothing_leaves_the_one_before(
    client, ingest, person, ready, put, shown, words, files_of, pending, end
) -> None:
    row, files = await ingest.sql.document(ready), files_of(ready)
    await put(person, ready, words(200, seed=2))
    if end == "failed":
        await ingest.fail(ready)
    else:
        await client.ask(person, "POST", f"/documents/{ready}/cancel")

    after = (await client.ask(person, "GET", f"/documents/{ready}")).json()
    assert (after["state"], after["title"], after["refused"]["title"]) == ("ready", "안내.txt", "새 안내.txt")
    assert await shown(ready) == OLD
    stands = await ingest.sql.document(ready)
    for name in ("sha256", "storage_key", "dedupe_key", "media_type", "size_bytes", "live_revision", "chunk_count"):
        assert stands[name] == row[name]
    assert (files_of(ready), await pending(person)) == (files, 0)
    assert await ingest.sql.events(ready, DocumentFailed) == []
    assert (await put(person, ready, words(200, seed=2))).status_code == 202
    assert (await ingest.process(ready))["live_revision"] == 3


async def test_the_file_before_may_live_elsewhere_when_the_newer_one_fails(
    ingest, person, ready, put, shown, words
) -> None:
    await put(person, ready, words(200, seed=2))
    twin = await ingest.put(words(300, seed=1), person=person)
    await ingest.fail(ready)

    row = await ingest.sql.document(ready)
    assert (row["state"], row["dedupe_key"]) == ("ready", None)
    assert (await ingest.sql.document(twin))["dedupe_key"]
    assert await shown(ready) == OLD


@pytest.mark.parametrize("seed", [1, 2], ids=["the same file", "another file"])
async def test_one_that_failed_takes_a_file_and_begins_anew(
    ingest, person, put, shown, words, stand_in, files_of, pending, seed
) -> None:
    document_id = await ingest.put(words(300, seed=1), person=person, name="안내.txt")
    await ingest.fail(document_id)
    answer = await put(person, document_id, words(300, seed=seed))
    assert (answer.status_code, answer.json()["problem"], answer.json()["searchable"]) == (202, None, False)
    assert (len(files_of(document_id)), await pending(person)) == (1, 0)

    assert (await ingest.process(document_id, stand_in()))["state"] == "ready"
    assert await shown(document_id) == ({"새 안내.txt"}, {str(seed)})


async def test_deleting_it_meanwhile_leaves_nothing_of_either(
    client, ingest, person, ready, put, words, stored
) -> None:
    await put(person, ready, words(200, seed=2))
    receipt = (await client.ask(person, "DELETE", f"/documents/{ready}")).json()

    assert (receipt["deleted"]["objects"], receipt["remaining"]) == (2, {"vectors": 0, "objects": 0, "chunks": 0})
    assert not any(str(ready) in path for path in stored())
    assert await ingest.vectors(ready) == 0


async def test_it_is_the_owner_s_alone(client, ingest, words, another, put, problem, stored, stand_in) -> None:
    school = await ingest.open_school()
    document_id = await ingest.put(words(30), person=school.teacher, class_id=school.class_id, shared=True)
    await ingest.process(document_id, stand_in())
    before, row = stored(), await ingest.sql.document(document_id)

    problem(await put(another(), document_id, words(40)), 404, "document_not_found")
    problem(await put(another(), uuid4(), words(40)), 404, "document_not_found")
    problem(await put(school.student, document_id, words(40)), 403, "not_the_owner")
    assert (stored(), await ingest.sql.document(document_id)) == (before, row)


async def test_a_class_goes_on_seeing_the_file_before(client, ingest, words, put, stand_in) -> None:
    school = await ingest.open_school()
    document_id = await ingest.put(words(30), person=school.teacher, class_id=school.class_id, shared=True)
    await ingest.process(document_id, stand_in())
    await put(school.teacher, document_id, words(300, seed=2))
    assert (await client.ask(school.student, "GET", f"/documents/{document_id}/content")).content == words(30)
    assert await ingest.found_by(school.scope) == {document_id}

    await ingest.process(document_id, stand_in())
    assert (await client.ask(school.student, "GET", f"/documents/{document_id}/content")).content == words(300, seed=2)
    assert await ingest.found_by(school.scope) == {document_id}


@pytest.mark.parametrize(
    ("content", "name", "status", "code"),
    [
        (b"", "a.txt", 422, "document_empty"),
        (b"short", "a.txt", 422, "document_too_small"),
        (b"a" * (1024**2 + 1), "a.txt", 413, "document_too_large"),
        (b"MZ\x90\x00" + bytes(200), "a.exe", 415, "type_unsupported"),
    ],
)
async def test_what_can_be_no_document(
    ingest, person, ready, put, problem, stored, pending, content, name, status, code
) -> None:
    before, row = stored(), await ingest.sql.document(ready)

    problem(await put(person, ready, content, name=name), status, code)
    assert (stored(), await ingest.sql.document(ready), await pending(person)) == (before, row, 0)


@pytest.mark.parametrize("sent", [0, 1000, 300_000])
async def test_a_client_that_leaves_changes_nothing(client, ingest, person, ready, stored, pending, sent) -> None:
    before, row = stored(), await ingest.sql.document(ready)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    messages = [{"type": "http.request", "body": head + b"a" * sent, "more_body": True}, {"type": "http.disconnect"}]
    answered: list[dict] = []
    path = f"/documents/{ready}/content"
    headers = client.headers(person) | {"Content-Type": "multipart/form-data; boundary=x"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }

    async def receive() -> dict:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: dict) -> None:
        answered.append(message)

    await client.app(scope, receive, send)
    assert (answered[0]["status"], json.loads(answered[1]["body"])["code"]) == (422, "upload_broken")
    assert (stored(), await ingest.sql.document(ready), await pending(person)) == (before, row, 0)


async def test_no_form_and_no_id(client, person, ready, put, problem, words) -> None:
    path = f"/documents/{ready}/content"
    problem(await client.ask(person, "PUT", path, content=b"raw bytes"), 422, "file_missing")
    assert (await put(person, "no-id", words(30))).status_code == 422
    assert (await put(person, ready, words(30), duplicate="perhaps")).status_code == 422


@pytest.fixture
async def allow(ingest, client):
    """`allow(2500)`: bytes per user. It acts at once here."""
    follow = platform.follower(ingest.wired.database, ACCESS.platform)
    guards = [ingest.wired.access.platform, client.app.state.wired.access.platform]

    def look_again() -> None:
        for guard in guards:
            guard._read_at = time.monotonic() - platform.REFRESH_SECONDS - 1

    async def told(limit: int) -> None:
        facts = {"setting_id": uuid4(), "name": "documents.max_bytes_per_user", "value": limit, "version": 1}
        event = wrap(PlatformSettingsChanged(**facts, changed_at=now()), event_id=uuid4(), time=now())
        await follow(event, Delivery("ingest-follow_platform", event.id))
        look_again()

    yield told
    await ingest.sql.rows("DELETE FROM ingest.platform_settings")
    look_again()


def text(seed: int, size: int) -> bytes:
    return (f"line {seed} of it. " * size).encode()[:size]


async def test_the_quota_counts_what_is_kept(client, ingest, person, put, allow, problem, stored, stand_in) -> None:
    async def used() -> int:
        return (await client.ask(person, "GET", "/documents/quota")).json()["bytes"]["used"]

    document_id = UUID((await client.upload(person, text(1, 1000))).json()["document_id"])
    await ingest.process(document_id, stand_in())
    await allow(2500)
    before = stored()
    body = problem(await put(person, document_id, text(2, 1501)), 409, "quota_bytes")
    assert (body["used"], body["size_bytes"], stored()) == (1000, 1501, before)
    assert (await put(person, document_id, text(2, 1500))).status_code == 202
    assert await used() == 2500, "both are kept"
    problem(await client.upload(person, text(3, 100)), 409, "quota_bytes")
    await ingest.process(document_id, stand_in())
    assert await used() == 1500

    await client.ask(person, "POST", f"/documents/{document_id}/reprocess")
    assert await used() == 1500, "one file, cut anew"


@pytest.mark.parametrize("before", [True, False], ids=["before the commit", "after it"])
async def test_a_request_that_ends_around_its_commit(
    ingest, person, ready, put, shown, words, stored, pending, monkeypatch, before
) -> None:
    files, admit = stored(), ReplacementService._admit

    async def fails(self, *arguments):
        if not before:
            await admit(self, *arguments)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(ReplacementService, "_admit", fails)
        with pytest.raises(asyncio.CancelledError):
            await put(person, ready, words(200, seed=2))
    row = await ingest.sql.document(ready)
    assert (row["revision"], len(stored()) - len(files)) == ((1, 0) if before else (2, 1))
    assert await pending(person) == 0
    assert await shown(ready) == OLD
    if not before:
        assert (await ingest.process(ready))["live_revision"] == 2


async def test_what_a_kill_leaves_is_swept(ingest, person, ready, put, words, files_of, pending, monkeypatch) -> None:
    """Before the row names the file; and when it does, before the one that it replaced is deleted."""

    class Kill(BaseException):
        pass

    async def dies(*_: object) -> None:
        raise Kill

    with monkeypatch.context() as patched:
        patched.setattr(ReplacementService, "_admit", dies)
        patched.setattr(ReplacementService, "_is_pending", dies)
        with pytest.raises(Kill):
            await put(person, ready, words(200, seed=2))
    assert (len(files_of(ready)), await pending(person)) == (2, 1)
    age = "UPDATE ingest.pending_objects SET created_at = created_at - interval '25 hours' WHERE owner_id = %s"
    await ingest.sql.rows(age, person.user_id)
    await ingest.wired.uploads.sweep()
    assert (len(files_of(ready)), await pending(person)) == (1, 0)

    await put(person, ready, words(200, seed=2))
    with monkeypatch.context() as patched:
        patched.setattr("ingest.service.discarding.delete", dies)
        with pytest.raises(Kill):
            await ingest.process(ready)
    assert (len(files_of(ready)), await pending(person)) == (2, 1)
    await ingest.wired.uploads.sweep()
    assert (len(files_of(ready)), await pending(person)) == (1, 0)
    assert (await ingest.sql.document(ready))["state"] == "ready"

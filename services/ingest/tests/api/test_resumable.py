"""An upload in several requests: what arrived stays, what is cut goes on, and it becomes a document once."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import growfit_documents as documents
import pytest

from contracts.ingest import DocumentUploaded
from ingest.config import MIB
from ingest.service import resumable
from ingest.service.completion import CompletionService

PDF = documents.korean_pdf(3, seed=41)


class Uploader:
    """One upload, as a client drives it."""

    def __init__(self, client, person, made) -> None:
        self.client, self.person, self.made = client, person, made
        self.path = made.headers["location"]
        self.upload_id = UUID(made.json()["upload_id"])

    async def ask(self, method: str, language: str = "ko", **options):
        return await self.client.ask(self.person, method, self.path, language, **options)

    async def send(self, offset: int, content, language: str = "ko"):
        return await self.ask("PATCH", language, headers={"Upload-Offset": str(offset)}, content=content)

    async def cut(self, offset: int, content: bytes) -> dict:
        """A request that ends early. What is answered nobody reads; here it is looked at."""
        return await disconnected(self.client, self.person, self.path, offset, content)


@pytest.fixture
def begin(client):
    async def announce(person, content: bytes, *, name: str = "안내서.pdf", **body) -> Uploader:
        body = {"file_name": name, "size_bytes": len(content), **body}
        made = await client.ask(person, "POST", "/uploads", json=body)
        assert made.status_code == 201, made.text
        return Uploader(client, person, made)

    return announce


async def disconnected(client, person, path: str, offset: int, content: bytes) -> dict:
    messages = [{"type": "http.request", "body": content, "more_body": True}, {"type": "http.disconnect"}]
    headers = client.headers(person) | {"Upload-Offset": str(offset)}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PATCH",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    answered = []

    async def receive() -> dict:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: dict) -> None:
        answered.append(message)

    await client.app(scope, receive, send)
    return json.loads(answered[1]["body"])


@pytest.fixture
def parts(stored):
    """`parts(uploader)`: what is stored of it beside its document."""
    return lambda uploader: [path for path in stored() if path.startswith(f"uploads/{uploader.upload_id}")]


async def test_three_requests_make_the_document_that_one_would_have_made(
    client, ingest, person, begin, parts, objects
) -> None:
    upload = await begin(person, PDF, sha256=hashlib.sha256(PDF).hexdigest())
    assert (upload.made.headers["upload-offset"], upload.made.json()["state"]) == ("0", "open")
    third = len(PDF) // 3
    for start in (0, third):
        answer = await upload.send(start, PDF[start : start + third])
        assert (answer.status_code, answer.headers["upload-offset"]) == (200, str(start + third)), answer.text
        assert answer.json()["document"] is None
    assert len(parts(upload)) == 2
    last = await upload.send(2 * third, PDF[2 * third :])

    document = last.json()["document"]
    assert (last.status_code, last.headers["location"]) == (202, f"/documents/{upload.upload_id}")
    assert (document["title"], document["media_type"], document["size_bytes"], document["state"]) == (
        "안내서.pdf",
        "application/pdf",
        len(PDF),
        "uploaded",
    )
    row = await ingest.sql.document(upload.upload_id)
    assert (row["owner_id"], row["sha256"]) == (person.user_id, hashlib.sha256(PDF).hexdigest())
    assert (objects / row["storage_key"]).read_bytes() == PDF
    assert len(await ingest.sql.events(upload.upload_id, DocumentUploaded)) == 1
    assert (parts(upload), (await ingest.process(upload.upload_id))["state"]) == ([], "ready")
    state = (await upload.ask("GET")).json()
    assert (state["state"], state["document_id"], state["offset"]) == ("completed", str(upload.upload_id), len(PDF))


async def test_large_requests_are_stored_in_parts(begin, person, parts, monkeypatch, words) -> None:
    monkeypatch.setattr(resumable, "PART_BYTES", 1000)
    content = words(700)
    upload = await begin(person, content, name="a.txt")
    await upload.send(0, content[:4500])

    assert len(parts(upload)) == 5
    assert (await upload.send(4500, content[4500:])).status_code == 202


async def test_where_it_stands_is_told(begin, person) -> None:
    upload = await begin(person, PDF)
    await upload.send(0, PDF[:1000])
    head, read = await upload.ask("HEAD"), await upload.ask("GET")

    assert (head.status_code, head.content) == (204, b"")
    for answer in (head, read):
        assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("1000", str(len(PDF)))
        assert answer.headers["cache-control"] == "no-store"
    shown = {
        name: read.json()[name] for name in ("offset", "size_bytes", "file_name", "state", "document_id", "problem")
    }
    assert shown == {
        "offset": 1000,
        "size_bytes": len(PDF),
        "file_name": "안내서.pdf",
        "state": "open",
        "document_id": None,
        "problem": None,
    }


@pytest.mark.parametrize("sent", [1, 1000, 2500])
async def test_what_arrived_of_a_cut_request_is_kept(begin, person, parts, monkeypatch, sent) -> None:
    monkeypatch.setattr(resumable, "PART_BYTES", 1000)
    upload = await begin(person, PDF)
    body = await upload.cut(0, PDF[:sent])

    assert body["code"] == "upload_cut"
    assert (await upload.ask("HEAD")).headers["upload-offset"] == str(sent)
    assert len(parts(upload)) == -(-sent // 1000)
    assert (await upload.send(sent, PDF[sent:])).status_code == 202


async def test_a_request_that_is_cut_after_its_last_byte_completes_with_an_empty_one(begin, person, ingest) -> None:
    upload = await begin(person, PDF)
    await upload.cut(0, PDF)
    assert (await upload.ask("GET")).json()["state"] == "open"

    for _ in range(2):
        answer = await upload.send(len(PDF), b"")
        assert (answer.status_code, answer.json()["document"]["document_id"]) == (202, str(upload.upload_id))
    assert len(await ingest.sql.events(upload.upload_id, DocumentUploaded)) == 1


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_wrong_offset_is_told_the_right_one(begin, person, problem, parts, language) -> None:
    upload = await begin(person, PDF)
    await upload.send(0, PDF[:1000])
    for offset in (0, 999, 1001, len(PDF), 2**53):
        answer = await upload.send(offset, PDF[offset : offset + 10] or b"x", language)
        body = problem(answer, 409, "upload_offset_wrong")
        assert (body["offset"], answer.headers["upload-offset"]) == (1000, "1000")
        assert ("받은 데까지는" in body["detail"]) == (language == "ko")
    assert len(parts(upload)) == 1


@pytest.mark.parametrize("offset", [None, "", "x", "-1", "1.5", str(2**53 + 1), "9" * 30])
async def test_an_offset_that_is_none(begin, person, problem, offset) -> None:
    upload = await begin(person, PDF)
    headers = {} if offset is None else {"Upload-Offset": offset}

    problem(await upload.ask("PATCH", headers=headers, content=PDF[:10]), 422, "validation_failed")


async def test_of_two_at_one_offset_one_wins(begin, person, problem, parts) -> None:
    upload = await begin(person, PDF)
    met = asyncio.Barrier(5)

    async def slowly() -> AsyncIterator[bytes]:
        yield PDF[:500]
        await met.wait()
        yield PDF[500:1000]

    answers = await asyncio.gather(*(upload.send(0, slowly()) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            assert problem(answer, 409, "upload_offset_wrong")["offset"] == 1000
    assert len(parts(upload)) == 1
    assert (await upload.send(1000, PDF[1000:])).status_code == 202


async def test_of_many_last_requests_one_makes_the_document(begin, person, ingest) -> None:
    upload = await begin(person, PDF)
    await upload.cut(0, PDF)
    answers = await asyncio.gather(*(upload.send(len(PDF), b"") for _ in range(6)))

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert 202 in {answer.status_code for answer in answers}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"upload_completing"}
    assert len(await ingest.sql.events(upload.upload_id, DocumentUploaded)) == 1


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_more_than_was_announced_is_refused(begin, person, problem, language) -> None:
    upload = await begin(person, PDF)
    body = problem(await upload.send(0, PDF + b"x", language), 422, "upload_too_long")

    assert ("처음에 알린 크기" in body["detail"]) == (language == "ko")
    assert (await upload.send(0, PDF)).status_code == 202


async def test_too_many_small_pieces(begin, person, problem, monkeypatch) -> None:
    monkeypatch.setattr(resumable, "MAX_PARTS", 3)
    upload = await begin(person, PDF)
    for offset in range(3):
        assert (await upload.send(offset, PDF[offset : offset + 1])).status_code == 200

    problem(await upload.send(3, PDF[3:]), 422, "upload_scattered")


WRONG = [
    (b"\x00" * 300, "a.pdf", 415, "type_unsupported"),
    (PDF, "a.txt", 415, "type_mismatch"),
]


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(("content", "name", "status", "code"), WRONG, ids=["no type", "another type"])
async def test_what_can_be_no_document_is_refused_once_and_for_all(
    begin, person, problem, parts, stored, language, content, name, status, code
) -> None:
    before = stored()
    upload = await begin(person, content, name=name)
    first = problem(await upload.send(0, content, language), status, code)
    assert (parts(upload), stored()) == ([], before)
    again = problem(await upload.send(len(content), b"", language), status, code)
    shown = (await upload.ask("GET", language)).json()

    assert (shown["state"], shown["document_id"]) == ("refused", None)
    assert first["detail"] == again["detail"] == shown["problem"]["detail"]


async def test_a_hash_that_does_not_fit(begin, person, problem, stored) -> None:
    before = stored()
    upload = await begin(person, PDF, sha256="0" * 64)

    problem(await upload.send(0, PDF), 422, "hash_mismatch")
    assert stored() == before


async def test_a_twin_is_refused_before_by_its_hash_and_afterwards_without_one(client, person, begin, problem) -> None:
    first = (await client.upload(person, PDF, name="첫 이름.pdf")).json()["document_id"]
    known = {"file_name": "b.pdf", "size_bytes": len(PDF), "sha256": hashlib.sha256(PDF).hexdigest()}
    upload = await begin(person, PDF)

    for answer in (await client.ask(person, "POST", "/uploads", json=known), await upload.send(0, PDF)):
        body = problem(answer, 409, "document_duplicate")
        assert (body["document_id"], body["document_title"]) == (first, "첫 이름.pdf")
    assert problem(await upload.send(len(PDF), b""), 409, "document_duplicate")["document_id"] == first
    allowed = await begin(person, PDF, duplicate="allow", sha256=known["sha256"])
    assert (await allowed.send(0, PDF)).status_code == 202


BAD = [
    ({"size_bytes": -1}, "validation_failed"),
    ({"size_bytes": "10"}, "validation_failed"),
    ({"size_bytes": 1.5}, "validation_failed"),
    ({"size_bytes": None}, "validation_failed"),
    ({"size_bytes": 10**40}, "validation_failed"),
    ({"size_bytes": 0}, "document_too_small"),
    ({"size_bytes": 7}, "document_too_small"),
    ({"file_name": ""}, "validation_failed"),
    ({"file_name": "a\x00b"}, "validation_failed"),
    ({"file_name": "가" * 1001}, "validation_failed"),
    ({"sha256": "AB" * 32}, "validation_failed"),
    ({"sha256": "ab"}, "validation_failed"),
    ({"class_id": "x"}, "validation_failed"),
    ({"visibility": "world"}, "validation_failed"),
    ({"duplicate": "perhaps"}, "validation_failed"),
    ({"owner_id": "0198c0de-0000-7000-8000-0000000000c1"}, "validation_failed"),
]


@pytest.mark.parametrize(("change", "code"), BAD, ids=[str(change)[:40] for change, _ in BAD])
async def test_announcements_that_are_refused(client, person, problem, change, code) -> None:
    body = {"file_name": "a.pdf", "size_bytes": 100} | change

    problem(await client.ask(person, "POST", "/uploads", json=body), 422, code)


async def test_the_largest_and_one_byte_more(client, begin, person, problem) -> None:
    await begin(person, b"a" * MIB)

    body = {"file_name": "a.txt", "size_bytes": MIB + 1}
    problem(await client.ask(person, "POST", "/uploads", json=body), 413, "document_too_large")


async def test_a_person_has_so_many_open_and_giving_one_up_makes_room(
    client, begin, person, problem, monkeypatch
) -> None:
    monkeypatch.setattr(resumable, "MAX_OPEN", 3)
    body = {"file_name": "a.txt", "size_bytes": 100}
    answers = await asyncio.gather(*(client.ask(person, "POST", "/uploads", json=body) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert problem(refused, 409, "uploads_open")["limit"] == 3
    made = next(answer for answer in answers if answer.status_code == 201)
    assert (await client.ask(person, "DELETE", made.headers["location"])).status_code == 204
    await begin(person, PDF)


async def test_giving_up_deletes_what_arrived(begin, person, parts, problem) -> None:
    upload = await begin(person, PDF)
    await upload.send(0, PDF[:1000])
    assert (await upload.ask("DELETE")).status_code == 204

    assert parts(upload) == []
    problem(await upload.ask("DELETE"), 404, "upload_not_found")
    problem(await upload.ask("GET"), 404, "upload_not_found")
    problem(await upload.send(1000, PDF[1000:]), 404, "upload_not_found")


async def test_what_is_a_document_is_not_given_up(begin, person, problem, client) -> None:
    upload = await begin(person, PDF)
    await upload.send(0, PDF)
    body = problem(await upload.ask("DELETE"), 409, "upload_completed")
    assert body["document_id"] == str(upload.upload_id)
    await client.ask(person, "DELETE", f"/documents/{upload.upload_id}")

    problem(await upload.send(len(PDF), b""), 404, "document_not_found")


async def test_somebody_elses_is_not_there(begin, person, another, client, problem, parts) -> None:
    upload = await begin(person, PDF)
    for path in (upload.path, f"/uploads/{uuid4()}"):
        for method in ("GET", "DELETE", "HEAD"):
            assert (await client.ask(another(), method, path)).status_code == 404
        answer = await client.ask(another(), "PATCH", path, headers={"Upload-Offset": "0"}, content=PDF)
        problem(answer, 404, "upload_not_found")
    assert parts(upload) == []
    assert (await upload.ask("GET")).json()["offset"] == 0


async def test_for_a_class(client, ingest, begin, another, problem) -> None:
    school = await ingest.open_school()
    place = {"class_id": str(school.class_id)}
    upload = await begin(school.teacher, PDF, **place, visibility="class")
    document = (await upload.send(0, PDF)).json()["document"]
    assert (document["class_id"], document["visibility"]) == (str(school.class_id), "class")
    assert (await ingest.sql.document(upload.upload_id))["org_id"] == school.org_id

    wanted = {"file_name": "a.pdf", "size_bytes": 100, **place}
    problem(await client.ask(another(), "POST", "/uploads", json=wanted), 404, "class_not_found")
    sharing = await client.ask(school.student, "POST", "/uploads", json={**wanted, "visibility": "class"})
    problem(sharing, 403, "sharing_refused")
    late = await begin(school.student, PDF, **place)
    await ingest.tell(school.closed())
    problem(await late.send(0, PDF), 404, "class_not_found")


async def test_a_worker_that_is_killed_after_the_document_was_written(begin, person, ingest, monkeypatch) -> None:
    """The row of the upload does not know yet; whoever asks next does."""
    upload = await begin(person, PDF)
    end = CompletionService._end

    async def killed(self, *arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(CompletionService, "_end", killed)
    assert (await upload.send(0, PDF)).status_code == 500
    monkeypatch.setattr(CompletionService, "_end", end)
    assert (await upload.ask("GET")).json()["state"] == "completing"

    answer = await upload.send(len(PDF), b"")
    assert (answer.status_code, answer.json()["state"]) == (202, "completed")
    assert len(await ingest.sql.events(upload.upload_id, DocumentUploaded)) == 1


async def test_a_claim_of_one_who_was_killed_ends(begin, person, ingest, problem, client) -> None:
    upload = await begin(person, PDF)
    await upload.cut(0, PDF)
    claim = "UPDATE ingest.uploads SET completing_until = now() + interval '5 minutes' WHERE upload_id = %s"
    await ingest.sql.rows(claim, upload.upload_id)
    for answer in (await upload.send(len(PDF), b""), await upload.ask("DELETE")):
        problem(answer, 409, "upload_completing")
        assert answer.headers["retry-after"] == "2"
    await ingest.sql.rows(claim.replace("+", "-"), upload.upload_id)

    assert (await upload.send(len(PDF), b"")).status_code == 202


async def test_an_expired_one_is_gone_and_swept(begin, person, ingest, parts, problem, stored) -> None:
    upload = await begin(person, PDF)
    await upload.send(0, PDF[:1000])
    age = "UPDATE ingest.uploads SET expires_at = now() - interval '{}' WHERE upload_id = %s"
    await ingest.sql.rows(age.format("1 second"), upload.upload_id)
    problem(await upload.send(1000, PDF[1000:]), 404, "upload_not_found")
    problem(await upload.ask("GET"), 404, "upload_not_found")
    await ingest.wired.resumable.sweep()
    assert len(parts(upload)) == 1

    await ingest.sql.rows(age.format("1 hour 1 second"), upload.upload_id)
    await ingest.wired.resumable.sweep()
    assert parts(upload) == []
    assert await ingest.sql.rows("SELECT 1 FROM ingest.uploads WHERE upload_id = %s", upload.upload_id) == []


async def test_a_request_does_not_outlive_its_upload(begin, person, ingest, problem) -> None:
    upload = await begin(person, PDF)
    soon = "UPDATE ingest.uploads SET expires_at = now() + interval '0.2 seconds' WHERE upload_id = %s"
    await ingest.sql.rows(soon, upload.upload_id)

    async def endless() -> AsyncIterator[bytes]:
        yield PDF[:100]
        await asyncio.sleep(30)

    problem(await asyncio.wait_for(upload.send(0, endless()), 10), 404, "upload_not_found")

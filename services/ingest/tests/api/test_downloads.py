"""The original comes back as it was uploaded, to whoever may see the document, always as an attachment."""

import hashlib
from urllib.parse import unquote
from uuid import UUID, uuid4

import growfit_documents as documents
import pytest

from contracts.org_partner import EnrollmentEnded

SIZE = 1024**2 - 1
CONTENT = b"".join(f"{number:07d} 번째 줄\n".encode() for number in range(100_000))[:SIZE]


@pytest.fixture(scope="module")
async def original(client, another):
    """Its owner, where it is, and what it holds."""
    person = another()
    document_id = (await client.upload(person, CONTENT, name="1주차 강의 노트.txt")).json()["document_id"]
    return person, f"/documents/{document_id}/content", CONTENT


async def test_the_whole_file(client, original) -> None:
    person, path, content = original
    answer = await client.ask(person, "GET", path)

    assert (answer.status_code, answer.content) == (200, content)
    headers = answer.headers
    assert headers["content-length"] == str(len(content))
    assert headers["content-type"] == "text/plain"
    assert headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert headers["accept-ranges"] == "bytes"


async def test_nothing_of_it_runs_in_a_browser_or_stays_in_a_cache(client, original) -> None:
    person, path, _ = original
    for method in ("GET", "HEAD"):
        headers = (await client.ask(person, method, path)).headers
        assert headers["content-disposition"].startswith("attachment; ")
        assert headers.get_list("x-content-type-options") == ["nosniff"]
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["cache-control"] == "private, no-store"
        assert headers["referrer-policy"] == "no-referrer"


async def test_head_says_the_same_without_the_file(client, original) -> None:
    person, path, content = original
    whole, head = [await client.ask(person, method, path) for method in ("GET", "HEAD")]

    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
    varying = {"x-request-id", "date"}
    assert {k: v for k, v in whole.headers.items() if k not in varying} == {
        k: v for k, v in head.headers.items() if k not in varying
    }


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-99999999999", 0, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        (f"bytes=5-{10**17}", 5, SIZE),
        ("bytes= 7-9 ", 7, 10),
    ],
)
async def test_a_range(client, original, asked, start, end) -> None:
    person, path, content = original
    answer = await client.ask(person, "GET", path, headers={"Range": asked})

    assert (answer.status_code, answer.content) == (206, content[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=",
        "bytes=-",
        "bytes=9-5",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "pages=0-1",
        "bytes=1-" + "9" * 40,
        "bytes=٣-٤",
        "",
    ],
)
async def test_what_is_no_single_range_gets_the_whole_file(client, original, asked) -> None:
    person, path, content = original
    answer = await client.ask(person, "GET", path, headers={"Range": asked.encode()})

    assert (answer.status_code, len(answer.content)) == (200, len(content))


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
async def test_a_range_outside_of_the_file(client, original, problem, language, asked) -> None:
    person, path, _ = original
    answer = await client.ask(person, "GET", path, language, headers={"Range": asked})

    body = problem(answer, 416, "range_not_satisfiable")
    assert (answer.headers["content-range"], body["size_bytes"]) == (f"bytes */{SIZE}", SIZE)
    assert ("범위" in body["detail"]) == (language == "ko")


async def test_if_range_keeps_two_versions_apart(client, original) -> None:
    person, path, _ = original
    etag = (await client.ask(person, "HEAD", path)).headers["etag"]
    for if_range, status in (
        (etag, 206),
        ('"another"', 200),
        (f"W/{etag}", 200),
        ("Fri, 27 Nov 2026 00:00:00 GMT", 200),
    ):
        answer = await client.ask(person, "GET", path, headers={"Range": "bytes=0-9", "If-Range": if_range})
        assert answer.status_code == status, if_range


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("AI 실습 과정 운영 안내서 (최종).txt", "document.txt"),
        ("report 2026-11 (final).txt", "report 2026-11 (final).txt"),
        ('a"; filename="evil.txt', "document.txt"),
        ("100% 'quoted'; x=y.txt", "document.txt"),
        ("이모지 🎓.txt", "document.txt"),
        ("확장자 없음", "document"),
    ],
)
async def test_names(client, person, words, name, plain) -> None:
    content = f"{name} ".encode() + words(30)
    sent = name.replace('"', "%22")
    title = (await client.upload(person, content, name=name)).json()
    answer = await client.ask(person, "GET", f"/documents/{title['document_id']}/content")

    disposition = answer.headers["content-disposition"]
    kept, _, encoded = disposition.partition("; filename*=UTF-8''")
    assert kept == f'attachment; filename="{plain}"', sent
    assert unquote(encoded) == title["title"]
    assert set(encoded) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%-._~")


async def test_a_pdf_and_one_that_could_not_be_read(client, ingest, person, stand_in) -> None:
    for content in (documents.korean_pdf(1, seed=31), documents.pdf_without_text()):
        document_id = (await client.upload(person, content, name="a.pdf")).json()["document_id"]
        await ingest.process(UUID(document_id), stand_in())
        answer = await client.ask(person, "GET", f"/documents/{document_id}/content")
        assert (answer.content, answer.headers["content-type"]) == (content, "application/pdf")


async def test_who_may(client, ingest, another, words, problem) -> None:
    school, other = await ingest.open_school(), await ingest.open_school()
    document_id = await ingest.put(words(30), person=school.teacher, class_id=school.class_id, shared=True)
    private = await ingest.put(words(31, seed=2), person=school.teacher, class_id=school.class_id)
    shared = f"/documents/{document_id}/content"

    for person in (school.teacher, school.student):
        assert (await client.ask(person, "GET", shared)).content == words(30)
    for method in ("GET", "HEAD"):
        for person in (other.teacher, other.student, another()):
            assert (await client.ask(person, method, shared)).status_code == 404
        assert (await client.ask(school.student, method, f"/documents/{private}/content")).status_code == 404
        assert (await client.ask(school.teacher, method, f"/documents/{uuid4()}/content")).status_code == 404
    problem(await client.ask(other.teacher, "GET", shared), 404, "document_not_found")


async def test_a_deleted_document_and_a_seat_that_ended(client, ingest, words, problem) -> None:
    school = await ingest.open_school()
    document_id = await ingest.put(words(30), person=school.teacher, class_id=school.class_id, shared=True)
    path = f"/documents/{document_id}/content"
    (seat,) = [fact for fact in school.facts() if hasattr(fact, "enrollment_id")]
    rows = await ingest.sql.rows(
        "SELECT membership_id FROM ingest.memberships WHERE user_id = %s", school.student.user_id
    )
    ended = EnrollmentEnded(
        **{
            **school.ids,
            "class_id": school.class_id,
            "enrollment_id": rows[0]["membership_id"],
            "student_id": seat.student_id,
            "user_id": school.student.user_id,
            "version": 2,
            "ended_at": seat.enrolled_at,
        }
    )
    assert (await client.ask(school.student, "GET", path)).status_code == 200
    await ingest.tell(ended)
    problem(await client.ask(school.student, "GET", path), 404, "document_not_found")

    await client.ask(school.teacher, "DELETE", f"/documents/{document_id}")
    problem(await client.ask(school.teacher, "GET", path), 404, "document_not_found")


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_an_original_that_is_gone_from_the_storage(
    client, ingest, person, words, objects, problem, language
) -> None:
    document_id = await ingest.put(words(30, seed=hash(language) % 1000), person=person)
    (objects / (await ingest.sql.document(document_id))["storage_key"]).unlink()

    body = problem(
        await client.ask(person, "GET", f"/documents/{document_id}/content", language), 404, "original_missing"
    )
    assert ("운영자" in body["detail"]) == (language == "ko")


async def test_a_storage_that_is_away(client, ingest, person, words, objects, problem) -> None:
    document_id = await ingest.put(words(30), person=person)
    file = objects / (await ingest.sql.document(document_id))["storage_key"]
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("no folder any more")

    problem(await client.ask(person, "GET", f"/documents/{document_id}/content"), 503, "storage_unavailable")

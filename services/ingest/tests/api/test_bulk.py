"""Many documents in one request: each answers for itself, in order, and what is done stays done."""

import asyncio
from uuid import UUID, uuid4

import growfit_documents as documents
import httpx
import pytest

from contracts.ingest import AuditRecorded, DocumentUploaded
from ingest.config import MIB
from ingest.main import create_app

PDF = documents.korean_pdf(1, seed=51)


@pytest.fixture
def upload(client):
    async def many(person, *files: tuple[str, bytes], language: str = "ko", **query) -> httpx.Response:
        parts = [("file", (name, content, "application/octet-stream")) for name, content in files]
        return await client.ask(person, "POST", "/documents/bulk", language, files=parts, params=query)

    return many


@pytest.fixture
def delete(client):
    async def many(person, *ids, language: str = "ko") -> httpx.Response:
        body = {"document_ids": [str(each) for each in ids]}
        return await client.ask(person, "POST", "/documents/bulk-delete", language, json=body)

    return many


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_each_file_is_taken_or_refused_for_itself(ingest, person, upload, words, stored, language) -> None:
    before = len(stored())
    files = [
        ("하나.txt", words(30)),
        ("빈 파일.txt", b""),
        ("둘.pdf", PDF),
        ("소리.flac", b"fLaC\x00\x00\x00\x22" + b"\x00" * 300_000),
        ("하나 다시.txt", words(30)),
        ("너무 큰.txt", b"a" * (MIB + 1)),
        ("셋.md", words(40, seed=2)),
    ]
    answer = await upload(person, *files, language=language)

    body = answer.json()
    items = body["items"]
    assert (answer.status_code, body["accepted"], [each["file_name"] for each in items]) == (
        200,
        3,
        [n for n, _ in files],
    )
    codes = [each["problem"]["code"] if each["problem"] else each["document"]["state"] for each in items]
    assert codes == [
        "uploaded",
        "document_empty",
        "uploaded",
        "type_unsupported",
        "document_duplicate",
        "document_too_large",
        "uploaded",
    ]
    assert items[4]["problem"]["document_id"] == items[0]["document"]["document_id"]
    assert ("빈 파일" in items[1]["problem"]["detail"]) == (language == "ko")
    assert len(stored()) == before + 3
    for at in (0, 2, 6):
        document_id = UUID(items[at]["document"]["document_id"])
        assert len(await ingest.sql.events(document_id, DocumentUploaded)) == 1
        assert (await ingest.sql.document(document_id))["size_bytes"] == len(files[at][1])


async def test_for_a_class(ingest, upload, words, another, problem) -> None:
    school = await ingest.open_school()
    files = [("a.txt", words(30)), ("b.txt", words(40, seed=2))]
    place = {"class_id": school.class_id, "visibility": "class"}
    taken = (await upload(school.teacher, *files, **place)).json()["items"]
    assert {each["document"]["class_id"] for each in taken} == {str(school.class_id)}

    problem(await upload(another(), *files, **place), 404, "class_not_found")
    problem(await upload(school.student, *files, **place), 403, "sharing_refused")
    again = (await upload(school.teacher, *files, **place, duplicate="allow")).json()
    assert again["accepted"] == 2


@pytest.fixture
async def small(settings, signer, wired):
    """A door that takes three files and 1 MiB at once."""
    app = create_app(settings.model_copy(update={"max_bulk_files": 3, "max_bulk_bytes": MIB}))
    app.state.verifier = signer.verifier
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingest") as http,
    ):
        yield http


def form(*files: bytes, end: bytes = b"--x--\r\n") -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%d.txt"\r\n\r\n'
    return b"".join(head % number + content + b"\r\n" for number, content in enumerate(files)) + end


@pytest.fixture
def send(client, small, person):
    async def raw(body, **headers) -> httpx.Response:
        headers = client.headers(person) | {"Content-Type": "multipart/form-data; boundary=x"} | headers
        return await small.post("/documents/bulk", content=body, headers=headers)

    return raw


async def _chunked(body: bytes, size: int = 10_000):
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def test_one_file_too_many_ends_the_list(send, words) -> None:
    files = [words(30, seed=seed) for seed in range(60, 65)]
    body = (await send(form(*files))).json()

    assert body["accepted"] == 3
    assert [each["file_name"] for each in body["items"]] == ["0.txt", "1.txt", "2.txt", None]
    assert (body["items"][3]["problem"]["code"], body["items"][3]["problem"]["limit"]) == ("bulk_too_many", 3)


async def test_more_than_goes_at_once(send, problem) -> None:
    files = [bytes([97 + number]) * 400_000 for number in range(3)]
    problem(await send(form(*files)), 413, "bulk_too_large")
    body = (await send(_chunked(form(*files)))).json()

    assert body["accepted"] == 2
    assert [each["problem"]["code"] for each in body["items"] if each["problem"]] == ["bulk_too_large"]


CUTS = [
    (form(b"first file", b"second file", end=b""), ["uploaded", "upload_broken"]),
    (form(b"file one", b"file two")[:-20], ["uploaded", "upload_broken"]),
    (
        form(b"content 1")[: -len(b"--x--\r\n")]
        + b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nT\r\n--x--',
        ["uploaded", "form_field_invalid"],
    ),
]


@pytest.mark.parametrize(("body", "ends"), CUTS, ids=["no end", "cut in a file", "another field"])
async def test_a_form_that_breaks_keeps_what_was_whole(send, body, ends) -> None:
    items = (await send(_chunked(body))).json()["items"]

    assert [each["problem"]["code"] if each["problem"] else each["document"]["state"] for each in items] == ends


@pytest.mark.parametrize("body", [b"", b"--x--\r\n"], ids=["nothing", "no part"])
async def test_a_form_without_a_file(send, problem, body) -> None:
    problem(await send(body), 422, "file_missing")
    problem(await send(form(b"content 1"), **{"Content-Type": "application/json"}), 422, "file_missing")


async def test_one_byte_at_a_time(send, words) -> None:
    body = (await send(_chunked(form(words(9, seed=71), words(9, seed=72)), 1))).json()

    assert body["accepted"] == 2


async def test_receipts_and_problems_in_order(client, ingest, person, another, words, delete, stored) -> None:
    own = [await ingest.put(words(30, seed=seed), person=person) for seed in (1, 2)]
    foreign = await ingest.put(words(30), person=another())
    school = await ingest.open_school()
    before = len(stored())
    asked = [own[0], foreign, uuid4(), own[1], own[0]]
    body = (await delete(person, *asked)).json()

    assert [each["document_id"] for each in body["items"]] == [str(each) for each in asked]
    ends = [
        each["problem"]["code"] if each["problem"] else each["receipt"]["deleted"]["objects"] for each in body["items"]
    ]
    assert ends == [1, "document_not_found", "document_not_found", 1, 1]
    assert body["items"][1]["problem"] == body["items"][2]["problem"]
    assert len(stored()) == before - 2
    assert (await ingest.sql.document(foreign))["state"] == "uploaded"
    again = (await delete(person, *own)).json()
    assert (again["deleted"], {each["problem"]["status"] for each in again["items"]}) == (0, {404})

    shared = await ingest.put(words(30), person=school.teacher, class_id=school.class_id, shared=True)
    (seen,) = (await delete(school.student, shared, language="en")).json()["items"]
    assert (seen["problem"]["code"], "Only the person" in seen["problem"]["detail"]) == ("not_the_owner", True)


@pytest.mark.parametrize("ids", [[], [uuid4()] * 101, ["x"], [None]], ids=["none", "101", "no id", "null"])
async def test_lists_that_are_refused(client, person, problem, ids) -> None:
    body = {"document_ids": [each if each is None else str(each) for each in ids]}

    problem(await client.ask(person, "POST", "/documents/bulk-delete", json=body), 422, "validation_failed")


async def test_two_who_delete_the_same_lose_nothing(ingest, person, words, delete) -> None:
    own = [await ingest.put(words(30, seed=seed), person=person) for seed in range(6)]
    answers = await asyncio.gather(*(delete(person, *own) for _ in range(3)))

    assert all(answer.status_code == 200 for answer in answers)
    for document_id in own:
        row = await ingest.sql.document(document_id)
        assert (row["state"], row["receipt"]["remaining"]) == ("deleted", {"vectors": 0, "objects": 0, "chunks": 0})


async def test_whoever_tries_many_ids_is_noticed(ingest, person, delete) -> None:
    await delete(person, *(uuid4() for _ in range(30)))
    query = """SELECT payload->'data'->>'action' AS action FROM ingest.outbox
        WHERE subject = %s AND payload->'data'->>'actor_id' = %s"""
    rows = await ingest.sql.rows(query, AuditRecorded.type, str(person.user_id))

    assert {row["action"] for row in rows} == {"ids.probed"}

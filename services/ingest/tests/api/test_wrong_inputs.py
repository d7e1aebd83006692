"""What people send by mistake: each a clear problem in the caller's language, and nothing of it is kept."""

import re
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import growfit_documents as documents
import pytest

from ingest import errors
from ingest.config import MIB

HANGUL = re.compile("[가-힣]")
BOUNDARY = "x"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'


def file(name: str, content: bytes) -> dict:
    return {"files": {"file": (name, content, "application/pdf")}}


def pdf_as_text() -> dict:
    upload = documents.pdf_named_as_txt()
    return {"files": {"file": upload}, "params": {}} | {"files": {"file": (upload.name, upload.content)}}


MANY_FIELDS = {"files": {"file": ("a.txt", b"some text, no field"), "title": (None, b"mine")}}
WRONG = {
    "a moving picture": (file("a.gif", b"GIF89a" + bytes(60)), 415, errors.TYPE_UNSUPPORTED),
    "a picture named .pdf": (file("report.pdf", documents.png_bytes()), 415, errors.TYPE_MISMATCH),
    "an archive": (file("a.zip", documents.docx_like_zip()), 415, errors.TYPE_UNSUPPORTED),
    "an old word document": (file("a.doc", documents.docx_like_zip()), 415, errors.OLD_OFFICE_FORMAT),
    "a document with macros": (file("a.docm", documents.docx_like_zip()), 415, errors.MACRO_FILE),
    "a web page named .txt": (file("a.txt", documents.html_bytes()), 415, errors.TYPE_MISMATCH),
    "a program": (file("setup.exe", documents.exe_bytes()), 415, errors.TYPE_UNSUPPORTED),
    "a program without a name": (file("setup", documents.exe_bytes()), 415, errors.TYPE_UNSUPPORTED),
    "a text with NUL": (file("a.txt", documents.text_with_nul()), 415, errors.TYPE_UNSUPPORTED),
    "a PDF named .txt": (pdf_as_text(), 415, errors.TYPE_MISMATCH),
    "a text named .pdf": (file("a.pdf", documents.korean_text()), 415, errors.TYPE_MISMATCH),
    "an empty file": (file("a.pdf", b""), 422, errors.DOCUMENT_EMPTY),
    "one byte": (file("a.pdf", b"%"), 422, errors.DOCUMENT_TOO_SMALL),
    "seven bytes": (file("a.txt", b"7 bytes"), 422, errors.DOCUMENT_TOO_SMALL),
    "too large": (file("a.txt", b"a" * (MIB + 1)), 413, errors.DOCUMENT_TOO_LARGE),
    "far too large": (file("a.txt", b"a" * (3 * MIB)), 413, errors.DOCUMENT_TOO_LARGE),
    "no part `file`": ({"files": {"document": ("a.txt", b"some text")}}, 422, errors.FORM_FIELD_INVALID),
    "another field too": (MANY_FIELDS, 422, errors.FORM_FIELD_INVALID),
    "two files": (
        {"files": [("file", ("a.txt", b"some text")), ("file", ("b.txt", b"more text"))]},
        422,
        errors.FORM_FIELD_INVALID,
    ),
    "a form without parts": ({"content": b"--x--\r\n", "headers": FORM}, 422, errors.FILE_MISSING),
    "JSON": ({"json": {"file": "a.txt"}}, 422, errors.FILE_MISSING),
    "nothing": ({}, 422, errors.FILE_MISSING),
    "the bare file": ({"content": documents.korean_text()}, 422, errors.FILE_MISSING),
    "a cut body": ({"content": HEAD + b"some text that ends in the mid", "headers": FORM}, 422, errors.UPLOAD_BROKEN),
    "a cut large body": ({"content": HEAD + b"a" * 100_000, "headers": FORM}, 422, errors.UPLOAD_BROKEN),
    "no form at all": ({"content": b"some text", "headers": FORM}, 422, errors.UPLOAD_BROKEN),
    "no such class": (file("a.txt", b"some text") | {"params": {"class_id": uuid4()}}, 404, errors.CLASS_NOT_FOUND),
    "sharing without a class": (
        file("a.txt", b"some text") | {"params": {"visibility": "class"}},
        403,
        errors.SHARING_REFUSED,
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_wrong_inputs(client, ingest, person, stored, problem, language, name) -> None:
    request, status, message = WRONG[name]
    before = stored()
    body = problem(await client.ask(person, "POST", "/documents", language, **request), status, message.code)

    template = message.ko if language == "ko" else message.en
    fixed = [piece for piece in re.split(r"\{\w+\}", template) if piece]
    assert all(piece in body["detail"] for piece in fixed)
    assert bool(HANGUL.search(body["detail"])) == (language == "ko")
    assert bool(HANGUL.search(body["title"])) == (language == "ko")
    assert "{" not in body["detail"]
    assert stored() == before
    query = 'SELECT count(*) AS documents FROM "user".documents WHERE owner_id = %s'
    assert await ingest.sql.rows(query, person.user_id) == [{"documents": 0}]


async def test_a_refused_type_names_the_accepted_ones(client, person, problem) -> None:
    body = problem(await client.upload(person, documents.exe_bytes(), name="a.exe"), 415, "type_unsupported")

    assert {".pdf", ".docx", ".hwp", ".png", ".csv", ".md"} < set(body["accepted"])
    assert all(name in body["detail"] for name in ("PDF", "TXT", "Markdown"))


@pytest.mark.parametrize("declared", [True, False], ids=["by Content-Length", "chunked"])
async def test_a_body_over_the_limit_is_not_read_to_its_end(client, person, stored, problem, declared) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield HEAD
        for _ in range(64):
            sent += 1
            yield b"a" * MIB

    headers = FORM | ({"Content-Length": str(64 * MIB + len(HEAD))} if declared else {})
    before = stored()
    answer = await client.ask(person, "POST", "/documents", content=body(), headers=headers)

    body_ = problem(answer, 413, "document_too_large")
    assert body_["limit_mib"] == 1
    assert sent <= (1 if declared else 4)
    assert stored() == before


@pytest.mark.parametrize("length", ["²", "-5", "1e9", "abc", ""])
async def test_a_content_length_that_is_none_is_left_to_the_server(client, person, length) -> None:
    headers = [(b"content-length", length.encode("latin-1"))]
    headers += [(name.encode(), value.encode()) for name, value in (client.headers(person) | FORM).items()]
    answer = await client.http.post("/documents", content=HEAD + b"some text\r\n--x--\r\n", headers=headers)

    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"class_id": "none"}, "query.class_id"),
        ({"visibility": "public"}, "query.visibility"),
        ({"duplicate": "yes"}, "query.duplicate"),
    ],
)
async def test_query_values_that_are_none(client, person, stored, problem, query, field) -> None:
    before = stored()
    body = problem(await client.upload(person, b"some text", **query), 422, "validation_failed")

    assert [error["field"] for error in body["errors"]] == [field]
    assert stored() == before


@pytest.mark.parametrize("bad", ["not-a-uuid", "1", "%00", "' OR 1=1"])
@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/events")])
async def test_ids_that_are_none(client, person, problem, method, path, bad) -> None:
    body = problem(await client.ask(person, method, f"/documents/{bad}{path}"), 422, "validation_failed")

    assert [error["field"] for error in body["errors"]] == ["path.document_id"]


@pytest.mark.parametrize(
    "query",
    [
        {"state": "done"},
        {"class_id": "x"},
        {"title": "가" * 101},
        {"title": "널\x00"},
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"cursor": "x" * 301},
    ],
    ids=str,
)
async def test_list_queries_that_are_none(client, person, problem, query) -> None:
    (name,) = query
    body = problem(await client.ask(person, "GET", "/documents", params=query), 422, "validation_failed")

    assert [error["field"] for error in body["errors"]] == [f"query.{name}"]


async def test_a_cursor_that_is_none(client, person, problem) -> None:
    for cursor in ("x", "W10", "eyJhIjoxfQ"):
        problem(await client.ask(person, "GET", "/documents", params={"cursor": cursor}), 422, "cursor_invalid")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/documents"),
        ("GET", "/documents"),
        ("GET", f"/documents/{UUID(int=7)}"),
        ("GET", f"/documents/{UUID(int=7)}/events"),
        ("DELETE", f"/documents/{UUID(int=7)}"),
    ],
)
@pytest.mark.parametrize("token", [None, "nonsense"])
async def test_without_a_valid_token(client, problem, stored, method, path, token) -> None:
    before = stored()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    options = {"files": {"file": ("a.txt", b"some text")}} if method == "POST" else {}
    answer = await client.http.request(method, path, headers=headers, **options)

    problem(answer, 401, "token_invalid" if token else "token_missing")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert stored() == before

"""What a person may do wrong with a document, and what they are told, in Korean and in English."""

import re
from typing import Any

import growfit_documents as documents
import httpx
import pytest

from growfit_local.client import ApiError, Client
from growfit_local.people import Academy, new_password

HANGUL = re.compile("[가-힣]")

AT_THE_DOOR = {
    "zip of a docx": ("report.zip", documents.docx_like_zip, 415, "type_unsupported"),
    "old word document": ("report.doc", documents.docx_like_zip, 415, "old_office_format"),
    "web page": ("page.txt", documents.html_bytes, 415, "type_mismatch"),
    "program": ("setup.exe", documents.exe_bytes, 415, "type_unsupported"),
    "picture called pdf": ("scan.pdf", documents.png_bytes, 415, "type_mismatch"),
    "pdf called txt": ("notes.txt", lambda: documents.korean_pdf(1), 415, "type_mismatch"),
    "empty": ("empty.pdf", documents.empty, 422, "document_empty"),
    "one byte": ("byte.txt", documents.one_byte, 422, "document_too_small"),
}
AFTERWARDS = {
    "no text": (documents.pdf_without_text, "failed", "no_text"),
    "encrypted": (documents.encrypted_pdf, "rejected", "pdf_encrypted"),
    "truncated": (documents.truncated_pdf, "rejected", "pdf_damaged"),
    "header alone": (documents.pdf_header_only, "rejected", "pdf_damaged"),
}


@pytest.fixture(scope="module", params=["ko", "en"])
def visitor(request: Any, stack: Any) -> Any:
    with Client(stack.url, language=request.param) as client:
        client.sign_up(f"visitor-{request.param}-{new_password()[:6].lower()}@example.com", new_password(), "Visitor")
        client.language = request.param
        yield client


def send(client: Client, name: str, content: Any, **query: str) -> dict[str, Any]:
    made: dict[str, Any] = client.call("POST", "/documents", files={"file": (name, content)}, params=query)
    return made


def assert_clear(problem: dict[str, Any], *, status: int, code: str, language: str) -> None:
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:growfit:problem:{code}"
    assert problem["title"]
    assert bool(HANGUL.search(problem["detail"])) == (language == "ko")


@pytest.mark.parametrize("case", AT_THE_DOOR)
def test_refused_at_the_door(visitor, case):
    name, make, status, code = AT_THE_DOOR[case]
    with pytest.raises(ApiError) as refused:
        send(visitor, name, make())
    assert_clear(refused.value.problem, status=status, code=code, language=visitor.language)
    if code == "type_unsupported":
        assert ".pdf" in refused.value.problem["detail"]
        assert ".md" in refused.value.problem["detail"]


@pytest.mark.parametrize("case", AFTERWARDS)
def test_refused_by_the_worker(visitor, case):
    make, state, code = AFTERWARDS[case]
    document = visitor.ready(send(visitor, "file.pdf", make(), duplicate="allow")["document_id"])
    assert document["state"] == state
    assert_clear(document["problem"], status=422, code=code, language=visitor.language)


def test_over_the_limit_declared(visitor, stack):
    """Refused by what the request says of its size, without waiting for the bytes."""
    limit = int(stack.env("ingest").get("MAX_UPLOAD_BYTES", 200 * 1024**2))

    def endless() -> Any:
        yield b"%PDF-1.7\n"
        while True:
            yield b"0" * 65536

    token = visitor._http.headers["Authorization"]
    headers = {
        "Authorization": token,
        "Accept-Language": visitor.language,
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": str(limit * 2),
    }
    answer = httpx.post(f"{stack.url}/documents", headers=headers, content=_multipart(endless()), timeout=60)
    assert answer.headers["content-type"] == "application/problem+json"
    assert_clear(answer.json(), status=413, code="document_too_large", language=visitor.language)


def _multipart(content: Any) -> Any:
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="big.pdf"\r\n\r\n'
    yield from content


def test_the_same_file_twice(visitor):
    content = documents.korean_pdf(1, seed=4242)
    first = send(visitor, "once.pdf", content)
    with pytest.raises(ApiError) as refused:
        send(visitor, "again.pdf", content)
    assert_clear(refused.value.problem, status=409, code="document_duplicate", language=visitor.language)
    assert refused.value.problem["document_id"] == first["document_id"]
    allowed = send(visitor, "again.pdf", content, duplicate="allow")
    assert allowed["document_id"] != first["document_id"]


def test_somebody_elses_document(visitor, academy: Academy, student: Client):
    theirs = send(student, "mine.pdf", documents.korean_pdf(1, seed=99), duplicate="allow")["document_id"]
    for method in ("GET", "DELETE"):
        with pytest.raises(ApiError) as refused:
            visitor.call(method, f"/documents/{theirs}")
        assert_clear(refused.value.problem, status=404, code="document_not_found", language=visitor.language)


def test_no_file(visitor):
    with pytest.raises(ApiError) as refused:
        visitor.call("POST", "/documents", json={"file": "x"})
    assert_clear(refused.value.problem, status=422, code="file_missing", language=visitor.language)


def test_not_logged_in(stack):
    with Client(stack.url) as stranger, pytest.raises(ApiError) as refused:
        stranger.call("GET", "/documents")
    assert_clear(refused.value.problem, status=401, code="token_missing", language="ko")


@pytest.mark.parametrize("path", ["/metrics", "/ready", "/services/rag/metrics", "/services/ingest/ready"])
def test_inner_routes_are_not_public(stack, path):
    assert httpx.get(f"{stack.url}{path}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_address_that_nobody_has(visitor, method):
    with pytest.raises(ApiError) as refused:
        visitor.call(method, "/no/such/thing")
    assert_clear(refused.value.problem, status=404, code="route_not_found", language=visitor.language)
    assert refused.value.problem["instance"] == "/no/such/thing"


def test_a_service_that_is_down(visitor, stack):
    stack.pause("usage-metrics")
    try:
        with pytest.raises(ApiError) as refused:
            visitor.call("GET", "/usage/summary")
    finally:
        stack.resume("usage-metrics")
    assert_clear(refused.value.problem, status=503, code="service_down", language=visitor.language)

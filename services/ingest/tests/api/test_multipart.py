"""The reader of multipart bodies, which gets them in whatever pieces the network makes."""

from collections.abc import AsyncIterator, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from chassis.errors import Invalid
from ingest.api.multipart import open_file

BOUNDARY = "경계".encode().hex()
NAME = "한국어 보고서 (최종).txt"
CONTENT = b"first\r\n--line\r\n--" + BOUNDARY[:5].encode() + b"\r\n\x00\xff" + "가나다".encode()


def body(*, name: str = NAME, content: bytes = CONTENT, field: str = "file", more: bytes = b"") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    head += "Content-Type: text/plain\r\n\r\n"
    return head.encode() + content + b"\r\n" + more + f"--{BOUNDARY}--\r\n".encode()


def request(pieces: Iterator[bytes], *, content_type: str | None = None) -> Request:
    kind = content_type if content_type is not None else f"multipart/form-data; boundary={BOUNDARY}"

    async def receive() -> dict[str, object]:
        piece = next(pieces, None)
        if piece is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    headers = [(b"content-type", kind.encode("latin-1"))] if kind else []
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def read(*pieces: bytes, content_type: str | None = None) -> tuple[str, bytes]:
    name, content = await open_file(request(iter(pieces), content_type=content_type))
    return name, b"".join([piece async for piece in content])


async def test_the_body_cut_in_two_at_every_place() -> None:
    whole = body()
    for at in range(len(whole) + 1):
        assert await read(whole[:at], whole[at:]) == (NAME, CONTENT), at


async def test_the_body_byte_by_byte_and_at_once() -> None:
    whole = body()

    assert await read(whole) == (NAME, CONTENT)
    assert await read(*(whole[at : at + 1] for at in range(len(whole)))) == (NAME, CONTENT)


@settings(max_examples=100)
@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 500), max_size=6))
async def test_any_content_in_any_pieces(content: bytes, cuts: list[int]) -> None:
    whole = body(content=content)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]

    assert await read(*(whole[start:end] for start, end in pairwise(places))) == (NAME, content)


async def test_a_body_that_ends_early_is_refused_at_every_place() -> None:
    whole = body()
    end = whole.rindex(b"--")
    for at in range(end):
        with pytest.raises(Invalid) as refusal:
            await read(whole[:at])
        assert refusal.value.code in {"upload_broken", "file_missing"}, at
        assert refusal.value.code == "upload_broken" or at <= whole.index(CONTENT)


async def test_the_content_comes_as_a_stream() -> None:
    asked = 0

    def pieces() -> Iterator[bytes]:
        nonlocal asked
        whole = body(content=b"x" * 1000)
        for at in range(0, len(whole), 100):
            asked += 1
            yield whole[at : at + 100]

    _, content = await open_file(request(pieces()))
    seen = [asked async for _ in content]

    assert len(seen) > 5
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
        "text/plain; boundary=x",
        ";;;",
    ],
)
async def test_requests_without_a_file(content_type) -> None:
    with pytest.raises(Invalid) as refusal:
        await read(body(), content_type=content_type)

    assert refusal.value.code == "file_missing"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", "file_missing"),
        (b"not multipart at all", "upload_broken"),
        (f"--{BOUNDARY}--\r\n".encode(), "file_missing"),
        (f"--{BOUNDARY}\r\n\r\nno headers\r\n--{BOUNDARY}--".encode(), "form_field_invalid"),
        (body(field="document"), "form_field_invalid"),
        (body(field=""), "form_field_invalid"),
        (body(more=body()[: -len(f"--{BOUNDARY}--\r\n")]), "form_field_invalid"),
        (body(name="가" * 3000), "upload_broken"),
        (f"--{BOUNDARY}\r\n".encode() + b"X-A: b\r\n" * 100 + body()[len(BOUNDARY) + 4 :], "upload_broken"),
        (f"--{BOUNDARY}\r\nnot a header\r\n\r\nx".encode(), "upload_broken"),
    ],
    ids=[
        *("nothing", "no form", "no part", "no headers", "another field", "a field without a name", "two files"),
        *("a name of 9 kB", "a hundred headers", "a broken header"),
    ],
)
async def test_forms_that_are_refused(sent, code) -> None:
    with pytest.raises(Invalid) as refusal:
        await read(sent)

    assert refusal.value.code == code


async def test_a_boundary_that_is_too_long_is_refused() -> None:
    with pytest.raises(Invalid):
        await read(body(), content_type=f"multipart/form-data; boundary={'x' * 300}")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("a.pdf", "a.pdf"),
        ("", ""),
        ('따옴표 \\" 안.txt', '따옴표 " 안.txt'),
        ("C:\\Users\\kim\\보고서.pdf", "보고서.pdf"),
        ("a;b=c.txt", "a;b=c.txt"),
    ],
)
async def test_file_names_as_browsers_write_them(written, name) -> None:
    assert await read(body(name=written)) == (name, CONTENT)


async def test_a_file_part_without_a_name() -> None:
    sent = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc\r\n--{BOUNDARY}--'.encode()

    assert await read(sent) == ("", b"abc")


async def test_a_client_that_leaves_is_not_the_end_of_the_body() -> None:
    whole = body()

    async def receive() -> dict[str, object]:
        return next(messages)

    begun = {"type": "http.request", "body": whole[: whole.index(CONTENT) + 9], "more_body": True}
    messages = iter([begun, {"type": "http.disconnect"}])
    kind = f"multipart/form-data; boundary={BOUNDARY}".encode()
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}
    _, content = await open_file(Request(scope, receive))

    with pytest.raises(Invalid) as refusal:
        await _drained(content)
    assert refusal.value.code == "upload_broken"


async def _drained(content: AsyncIterator[bytes]) -> None:
    async for _ in content:
        pass

"""The one file of a multipart/form-data request as a stream, never held whole in memory or on this disk."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from chassis.errors import Invalid
from ingest.errors import FILE_MISSING, FORM_FIELD_INVALID, UPLOAD_BROKEN


@dataclass
class _Reader:
    """Collects what the parser reports: the current part's headers, the file's bytes, the end."""

    # Bytes until they are whole: the network may cut a Korean letter in two.
    name: bytes = b""
    value: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    file_name: str | None = None
    in_file: bool = False
    pieces: deque[bytes] = field(default_factory=deque)
    ended: bool = False

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        self.headers[self.name.lower()] = self.value
        self.name = self.value = b""

    def on_headers_finished(self) -> None:
        # Browsers and curl send names as UTF-8 (RFC 7578, 4.2).
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        self.headers = {}
        part = options.get(b"name", b"").decode(errors="replace")
        if part != "file" or self.file_name is not None:
            raise Invalid(FORM_FIELD_INVALID, field=part or "?")
        self.file_name = options.get(b"filename", b"").decode(errors="replace")
        self.in_file = True

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.pieces.append(data[start:end])

    def on_part_end(self) -> None:
        self.in_file = False

    def on_end(self) -> None:
        self.ended = True


async def open_file(request: Request) -> tuple[str, AsyncIterator[bytes]]:
    """The file's name and its bytes.

    Raises:
        Invalid: no multipart request, no part `file`, another part. The stream itself raises it when the
            request ends too early.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", "").encode())
    boundary = options.get(b"boundary")
    if content_type != b"multipart/form-data" or not boundary:
        raise Invalid(FILE_MISSING)
    reader = _Reader()
    names = ("header_field", "header_value", "header_end", "headers_finished", "part_data", "part_end", "end")
    callbacks: Any = {f"on_{name}": getattr(reader, f"on_{name}") for name in names}
    try:
        parser = MultipartParser(boundary, callbacks)
    except FormParserError as error:
        raise Invalid(FILE_MISSING) from error
    body = request.stream()
    while reader.file_name is None:
        if not await _feed(parser, body):
            raise Invalid(FILE_MISSING)
    return reader.file_name, _pieces(reader, parser, body)


async def _pieces(reader: _Reader, parser: MultipartParser, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        while reader.pieces:
            yield reader.pieces.popleft()
        if not await _feed(parser, body):
            break
    if not reader.ended:
        raise Invalid(UPLOAD_BROKEN)


async def _feed(parser: MultipartParser, body: AsyncIterator[bytes]) -> bool:
    """False when the request's body is at its end."""
    try:
        piece = await anext(body, None)
        if piece is None:
            return False
        parser.write(piece)
    except (MultipartParseError, ClientDisconnect) as error:
        raise Invalid(UPLOAD_BROKEN) from error
    return True

"""The CSV file of a request, as a body of its own or as the part `file` of a form; read no further than it may be."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from chassis.errors import Invalid, TooLarge, UnsupportedMedia
from org_partner.errors import CSV_MISSING, CSV_TOO_LARGE
from org_partner.service.roster_csv import MAX_BYTES

# Of a form's own lines around the file.
_FRAME_BYTES = 16 * 1024
# What browsers and spreadsheets call it.
_PLAIN = frozenset({b"text/csv", b"application/csv", b"text/plain", b"application/vnd.ms-excel"})
_FILE = {"type": "string", "format": "binary"}

CSV_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "UTF-8 or CP949; the first line names a column `email` or 이메일. At most 2,000 rows and 1 MiB",
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "이메일,이름\nminji@example.com,김민지\n"},
            "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": _FILE}}},
        },
    }
}


async def read_csv(request: Request) -> bytes:
    """
    Raises:
        UnsupportedMedia: neither CSV nor a form.
        TooLarge: more than a roster may be.
        Invalid: a form without the part `file`, or one that breaks off.
    """
    content_type, options = parse_options_header(request.headers.get("content-type", "").encode())
    if content_type in _PLAIN:
        content = await _read(request, MAX_BYTES)
    elif content_type == b"multipart/form-data" and options.get(b"boundary"):
        content = _file_of(await _read(request, MAX_BYTES + _FRAME_BYTES), options[b"boundary"])
    else:
        raise UnsupportedMedia(CSV_MISSING)
    if len(content) > MAX_BYTES:
        raise TooLarge(CSV_TOO_LARGE, limit=MAX_BYTES)
    return content


async def _read(request: Request, limit: int) -> bytes:
    content = bytearray()
    try:
        async for piece in request.stream():
            content += piece
            if len(content) > limit:
                raise TooLarge(CSV_TOO_LARGE, limit=MAX_BYTES)
    except ClientDisconnect as error:
        raise Invalid(CSV_MISSING) from error
    return bytes(content)


@dataclass
class _Reader:
    """Collects what the parser reports of the part `file`."""

    name: bytes = b""
    value: bytes = b""
    disposition: bytes = b""
    in_file: bool = False
    content: bytearray | None = None
    files: int = 0
    ended: bool = False
    callbacks: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        names = ("header_field", "header_value", "header_end", "headers_finished", "part_data", "part_end", "end")
        self.callbacks = {f"on_{name}": getattr(self, f"on_{name}") for name in names}

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        if self.name.lower() == b"content-disposition":
            self.disposition = self.value
        self.name = self.value = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self.disposition)
        self.disposition = b""
        self.in_file = options.get(b"name") == b"file"
        if self.in_file:
            self.files += 1
            self.content = bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.in_file and self.content is not None:
            self.content += data[start:end]

    def on_part_end(self) -> None:
        self.in_file = False

    def on_end(self) -> None:
        self.ended = True


def _file_of(body: bytes, boundary: bytes) -> bytes:
    reader = _Reader()
    try:
        MultipartParser(boundary, reader.callbacks).write(body)  # type: ignore[arg-type]
    except (MultipartParseError, FormParserError) as error:
        raise Invalid(CSV_MISSING) from error
    if reader.content is None or reader.files != 1 or not reader.ended:
        raise Invalid(CSV_MISSING)
    return bytes(reader.content)

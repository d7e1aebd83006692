"""The files of a multipart/form-data request as streams, never held whole in memory or on this disk."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from chassis.errors import GrowFitError, Invalid, TooLarge
from ingest.config import MIB
from ingest.errors import BULK_TOO_LARGE, BULK_TOO_MANY, FILE_MISSING, FORM_FIELD_INVALID, UPLOAD_BROKEN


@dataclass(frozen=True)
class _Begin:
    file_name: str


class _End:
    """Of a file."""


@dataclass
class _Reader:
    """Turns what the parser reports into what happened in the form: a file begins, has bytes, ends; or it is refused.

    In order, because the end of one file and the beginning of the next come in one piece of the network.
    """

    most: int
    # Bytes until they are whole: the network may cut a Korean letter in two.
    name: bytes = b""
    value: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    files: int = 0
    happened: deque[_Begin | bytes | _End | GrowFitError] = field(default_factory=deque)
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
        self.files += 1
        if part != "file" or self.files > self.most == 1:
            self.happened.append(Invalid(FORM_FIELD_INVALID, field=part or "?"))
        elif self.files > self.most:
            self.happened.append(Invalid(BULK_TOO_MANY, limit=self.most))
        else:
            self.happened.append(_Begin(options.get(b"filename", b"").decode(errors="replace")))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.happened.append(data[start:end])

    def on_part_end(self) -> None:
        self.happened.append(_End())

    def on_end(self) -> None:
        self.ended = True


class FormFiles:
    """The parts `file` of a request, one after the other. `max_bytes`: of the whole body; None: any number."""

    def __init__(self, request: Request, *, most: int = 1, max_bytes: int | None = None) -> None:
        """
        Raises:
            Invalid: this is no multipart request.
            TooLarge: it says itself that it has more bytes.
        """
        content_type, options = parse_options_header(request.headers.get("content-type", "").encode())
        boundary = options.get(b"boundary")
        if content_type != b"multipart/form-data" or not boundary:
            raise Invalid(FILE_MISSING)
        self._reader = _Reader(most)
        names = ("header_field", "header_value", "header_end", "headers_finished", "part_data", "part_end", "end")
        callbacks: Any = {f"on_{name}": getattr(self._reader, f"on_{name}") for name in names}
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise Invalid(FILE_MISSING) from error
        self._body = request.stream()
        self._max_bytes = max_bytes
        self._received = 0
        self._is_refused = False
        said = request.headers.get("content-length", "")
        self._check_size(int(said) if said.isdecimal() else 0)

    def _check_size(self, size_bytes: int) -> None:
        if self._max_bytes is not None and size_bytes > self._max_bytes:
            raise TooLarge(BULK_TOO_LARGE, limit_mib=self._max_bytes // MIB)

    async def next_file(self) -> str | None:
        """Its name, when it begins; what is left of the one before is passed over. None: there is no further one.

        Raises:
            Invalid, TooLarge: the form is broken off, is none, has other parts, or has too much in it. After that,
                or after the content raised it, there is none.
        """
        while not self._is_refused:
            match await self._next():
                case _Begin(file_name):
                    return file_name
                case None:
                    break
        return None

    async def content(self) -> AsyncIterator[bytes]:
        """The file that has begun. Raises as `next_file`."""
        while isinstance(piece := await self._next(), bytes):
            yield piece

    async def _next(self) -> _Begin | bytes | _End | None:
        """None: the form has ended as it should."""
        while not self._reader.happened:
            if not await self._feed():
                # A form without any part is no broken one.
                if self._reader.files and not self._reader.ended:
                    raise self._refused(Invalid(UPLOAD_BROKEN))
                return None
        happened = self._reader.happened.popleft()
        if isinstance(happened, GrowFitError):
            raise self._refused(happened)
        return happened

    async def _feed(self) -> bool:
        """False when the request's body is at its end."""
        try:
            piece = await anext(self._body, None)
            if piece is None:
                return False
            self._received += len(piece)
            self._check_size(self._received)
            self._parser.write(piece)
        except (MultipartParseError, ClientDisconnect) as error:
            raise self._refused(Invalid(UPLOAD_BROKEN)) from error
        except TooLarge as error:
            raise self._refused(error) from None
        return True

    def _refused(self, error: GrowFitError) -> GrowFitError:
        self._is_refused = True
        return error


async def open_file(request: Request) -> tuple[str, AsyncIterator[bytes]]:
    """The name and the bytes of a form's one file.

    Raises:
        Invalid: no multipart request, no part `file`, another part. The stream itself raises it when the
            request ends too early, or has a further part.
    """
    form = FormFiles(request)
    file_name = await form.next_file()
    if file_name is None:
        raise Invalid(FILE_MISSING)
    return file_name, _alone(form)


async def _alone(form: FormFiles) -> AsyncIterator[bytes]:
    async for piece in form.content():
        yield piece
    # Raises when there is more.
    await form.next_file()

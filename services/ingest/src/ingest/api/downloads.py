"""Originals, always as attachments: what people upload never runs in anybody's browser."""

import re
from datetime import timedelta
from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.problems import MEDIA_TYPE, Problem, responses
from ingest.api.wired import Services
from ingest.errors import RANGE_NOT_SATISFIABLE, NotInFile
from ingest.factory import Wired
from ingest.schemas.downloads import LinkOut, LinkWanted
from ingest.service.documents import Document
from ingest.service.downloads import Original, Span, original_of

router = APIRouter(tags=["downloads"])

_ERRORS = (Unauthenticated, Forbidden, Invalid, NotFound, RateLimited, Unavailable)
# Of the type that the document has.
_BINARY: dict[str, Any] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file", "content": _BINARY},
    206: {"description": "The range that `Range` asked for", "content": _BINARY},
    416: {
        "description": "The range lies outside of the file",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    },
}
_HEAD: dict[int | str, dict[str, Any]] = {200: {"description": "The headers of the whole file"}}

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)
# Of a link: 97 bytes in base64, and some to spare for what is none.
Token = Annotated[str, Path(max_length=200, description="From the `url` of POST /documents/{document_id}/links")]


@router.get(
    "/documents/{document_id}/content",
    response_class=StreamingResponse,
    responses={**responses(*_ERRORS), **_CONTENT},
)
async def download_document(document_id: UUID, request: Request, caller: Caller, services: Services) -> Response:
    """The original file. One `Range` is served (206); `If-Range` with the `ETag` keeps two versions apart."""
    return await _content(request, services, await services.documents.get(caller.user_id, document_id))


@router.head("/documents/{document_id}/content", responses={**responses(*_ERRORS), **_HEAD})
async def describe_content(document_id: UUID, caller: Caller, services: Services) -> Response:
    """The headers of the download alone: size, name, type, `ETag`."""
    return _head(await services.documents.get(caller.user_id, document_id))


@router.post("/documents/{document_id}/links", status_code=201, responses=responses(*_ERRORS))
async def make_link(
    document_id: UUID, wanted: LinkWanted, response: Response, caller: Caller, services: Services
) -> LinkOut:
    """A link that fetches the file without a token, for five minutes or as long as is asked for, at most an hour.

    It ends with the session that made it, and when its maker may see the document no more.
    """
    token, until = await services.downloads.make_link(
        caller, document_id, lasts=timedelta(seconds=wanted.expires_in_seconds)
    )
    url = f"/files/{token}"
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"
    return LinkOut(url=url, expires_at=until)


@router.get(
    "/files/{token}",
    response_class=StreamingResponse,
    responses={**responses(Invalid, NotFound, Unavailable), **_CONTENT},
)
async def download_by_link(token: Token, request: Request, services: Services) -> Response:
    """The file of a link, as `GET /documents/{document_id}/content` serves it."""
    return await _content(request, services, await services.downloads.by_link(token))


@router.head("/files/{token}", responses={**responses(Invalid, NotFound, Unavailable), **_HEAD})
async def describe_link(token: Token, services: Services) -> Response:
    return _head(await services.downloads.by_link(token))


async def _content(request: Request, services: Wired, document: Document) -> Response:
    original = original_of(document)
    headers, size = _headers(original), original.size_bytes
    span = _span(request.headers.get("range"), request.headers.get("if-range"), original)
    stream = await services.downloads.content(original, span or Span(0, size))
    if span is None:
        return StreamingResponse(stream, headers=headers | {"Content-Length": str(size)})
    part = {"Content-Range": f"bytes {span.start}-{span.end - 1}/{size}", "Content-Length": str(span.end - span.start)}
    return StreamingResponse(stream, status_code=206, headers=headers | part)


def _head(document: Document) -> Response:
    original = original_of(document)
    headers = _headers(original) | {"Content-Length": str(original.size_bytes)}
    return Response(headers=headers)


def _span(asked: str | None, if_range: str | None, original: Original) -> Span | None:
    """The one range of a request. None: the whole file, also where several are asked for or the header is no range.

    Raises:
        NotInFile: nothing of the file lies in it.
    """
    found = _RANGE.fullmatch(asked or "")
    if found is None or found.groups() == ("", "") or if_range not in (None, _etag(original)):
        return None
    first, last, size = found[1], found[2], original.size_bytes
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        headers = {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        raise NotInFile(RANGE_NOT_SATISFIABLE, headers=headers, size_bytes=size)
    return Span(start, end)


def _etag(original: Original) -> str:
    return f'"{original.sha256}"'


def _headers(original: Original) -> dict[str, str]:
    """`nosniff` is on every answer already."""
    return {
        "Content-Type": original.media_type,
        "Content-Disposition": _disposition(original.title),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "no-referrer",
        "Accept-Ranges": "bytes",
        "ETag": _etag(original),
    }


def _disposition(title: str) -> str:
    """RFC 6266: the name itself, and for clients that cannot read it one of plain letters with the same ending."""
    ending = PurePath(title).suffix
    plain = f"document{ending}" if re.fullmatch(r"\.[A-Za-z0-9]{1,10}", ending) else "document"
    if re.fullmatch(r"[A-Za-z0-9 ._()-]{1,200}", title):
        plain = title
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(title, safe='')}"

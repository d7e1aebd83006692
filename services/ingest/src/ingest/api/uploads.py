"""Uploads that can be resumed, in the manner of the protocols tus and IETF resumable uploads, with less of it."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from starlette.requests import ClientDisconnect

from chassis.auth import Caller
from chassis.clock import now
from chassis.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Locale,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from chassis.locale import locale_of
from chassis.problems import responses
from ingest.api.bulk import problem_of
from ingest.api.presenting import present
from ingest.api.wired import Services
from ingest.errors import Cut
from ingest.schemas.documents import Visibility
from ingest.schemas.uploads import UploadOut, UploadProgress, UploadStage, UploadWanted
from ingest.service.completion import refused
from ingest.service.documents import Document
from ingest.service.resumable import Announced, Upload, UploadState

router = APIRouter(tags=["uploads"])

_ERRORS = (Unauthenticated, Forbidden, Invalid, NotFound, RateLimited, Unavailable)
_BODY: dict[str, Any] = {
    "requestBody": {"content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
# Far above any file, and within PostgreSQL's bigint.
Offset = Annotated[
    int, Header(alias="Upload-Offset", ge=0, le=2**53, description="The first byte of the body in the file")
]


@router.post("/uploads", status_code=201, responses=responses(*_ERRORS, Conflict, TooLarge))
async def begin_upload(
    wanted: UploadWanted, request: Request, response: Response, caller: Caller, services: Services
) -> UploadOut:
    """Announce a file; send its bytes to the `Location` afterwards, in as many requests as it takes, within a day."""
    upload = await services.resumable.begin(
        caller.user_id,
        Announced(
            file_name=wanted.file_name,
            size_bytes=wanted.size_bytes,
            sha256=wanted.sha256,
            class_id=wanted.class_id,
            shared=wanted.visibility is Visibility.CLASS,
            allow_duplicate=wanted.duplicate == "allow",
        ),
    )
    response.headers["Location"] = f"/uploads/{upload.upload_id}"
    _tell_offset(response, upload)
    return UploadOut(**_shown(upload, locale_of(request)))


@router.patch(
    "/uploads/{upload_id}",
    openapi_extra=_BODY,
    responses={
        **responses(*_ERRORS, Conflict, TooLarge, UnsupportedMedia),
        202: {"description": "That was the last byte: the document is taken and processed", "model": UploadProgress},
    },
)
async def append_to_upload(
    upload_id: UUID, offset: Offset, request: Request, response: Response, caller: Caller, services: Services
) -> UploadProgress:
    """Send the next bytes as the raw body. 200 until it is whole, 202 with the document then; 409 tells the offset.

    A request that was cut leaves what arrived. Once all bytes are there, an empty body asks for the document again.
    """
    upload, document = await services.resumable.append(
        caller.user_id, upload_id, offset=offset, content=_bytes(request, upload_id)
    )
    _tell_offset(response, upload)
    if document is not None:
        response.status_code = 202
        response.headers["Location"] = f"/documents/{document.document_id}"
    return _progress(upload, document, locale_of(request))


@router.get("/uploads/{upload_id}", responses=responses(*_ERRORS))
async def read_upload(
    upload_id: UUID, request: Request, response: Response, caller: Caller, services: Services
) -> UploadOut:
    """How far it came, and what became of it; for a day after it began."""
    upload = await services.resumable.get(caller.user_id, upload_id)
    _tell_offset(response, upload)
    return UploadOut(**_shown(upload, locale_of(request)))


@router.head("/uploads/{upload_id}", status_code=204, responses=responses(*_ERRORS))
async def describe_upload(upload_id: UUID, response: Response, caller: Caller, services: Services) -> None:
    """`Upload-Offset` and `Upload-Length` alone."""
    _tell_offset(response, await services.resumable.get(caller.user_id, upload_id))


@router.delete("/uploads/{upload_id}", status_code=204, responses=responses(*_ERRORS, Conflict))
async def give_up_upload(upload_id: UUID, caller: Caller, services: Services) -> None:
    """Give it up; what arrived is deleted."""
    await services.resumable.give_up(caller.user_id, upload_id)


async def _bytes(request: Request, upload_id: UUID) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise Cut(upload_id) from error


def _tell_offset(response: Response, upload: Upload) -> None:
    response.headers["Upload-Offset"] = str(upload.received_bytes)
    response.headers["Upload-Length"] = str(upload.size_bytes)
    response.headers["Cache-Control"] = "no-store"


def _progress(upload: Upload, document: Document | None, locale: Locale) -> UploadProgress:
    made = present(document, locale, reader=upload.owner_id) if document else None
    return UploadProgress(**_shown(upload, locale), document=made)


def _shown(upload: Upload, locale: Locale) -> dict[str, Any]:
    state = UploadStage(upload.state)
    if upload.completing_until is not None and upload.completing_until > now():
        state = UploadStage.COMPLETING
    return {
        "upload_id": upload.upload_id,
        "state": state,
        "offset": upload.received_bytes,
        "size_bytes": upload.size_bytes,
        "file_name": upload.file_name,
        "document_id": upload.upload_id if upload.state == UploadState.COMPLETED else None,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "problem": problem_of(refused(upload), locale) if upload.state == UploadState.REFUSED else None,
    }

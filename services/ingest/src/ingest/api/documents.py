import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse

from chassis.auth import Caller, still_in
from chassis.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from chassis.locale import locale_of
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import body_of, responses
from ingest.api.multipart import open_file
from ingest.api.presenting import present
from ingest.api.wired import Services
from ingest.schemas.documents import DocumentOut, Receipt, Visibility
from ingest.service.documents import State
from ingest.service.intake import Incoming

router = APIRouter(tags=["documents"])

# Forbidden: also an API key that does not reach the route.
_ERRORS = (Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable)

# PostgreSQL has no such character in its texts.
NO_NUL = r"^[^\x00]*$"

_CLASS_ID = "0198c0de-0000-7000-8000-0000000000c1"

Duplicate = Annotated[
    str, Query(pattern="^(refuse|allow)$", description="What becomes of a file that lives already", examples=["allow"])
]

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@router.post(
    "/documents",
    status_code=202,
    openapi_extra=_FORM,
    responses=responses(*_ERRORS, NotFound, Conflict, TooLarge, UnsupportedMedia),
)
async def upload_document(
    request: Request,
    response: Response,
    caller: Caller,
    services: Services,
    class_id: Annotated[
        UUID | None, Query(description="The class that the document is for, and pays for it", examples=[_CLASS_ID])
    ] = None,
    visibility: Annotated[Visibility, Query(examples=["class"])] = Visibility.PRIVATE,
    duplicate: Duplicate = "refuse",
) -> DocumentOut:
    """Upload one file (PDF, TXT, Markdown) as the part `file`. It is processed afterwards; follow its `events`."""
    file_name, content = await open_file(request)
    document = await services.uploads.upload(
        caller.user_id,
        Incoming(
            file_name=file_name,
            content=content,
            size_hint=_size(request),
            class_id=class_id,
            shared=visibility is Visibility.CLASS,
            allow_duplicate=duplicate == "allow",
        ),
    )
    response.headers["Location"] = f"/documents/{document.document_id}"
    return present(document, locale_of(request), reader=caller.user_id)


def _size(request: Request) -> int | None:
    """Of the whole body, where the request says it."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdecimal() else None


@router.get("/documents", responses=responses(*_ERRORS, NotFound))
async def list_documents(
    request: Request,
    caller: Caller,
    services: Services,
    page: PageSlice,
    state: Annotated[State | None, Query(examples=["ready"])] = None,
    class_id: Annotated[
        UUID | None, Query(description="Uploaded for this class, or shared with it", examples=[_CLASS_ID])
    ] = None,
    project_id: Annotated[UUID | None, Query(description="In this project of yours", examples=[_CLASS_ID])] = None,
    agent_id: Annotated[UUID | None, Query(description="In this agent of yours", examples=[_CLASS_ID])] = None,
    title: Annotated[
        str | None, Query(max_length=100, pattern=NO_NUL, description="Part of the title", examples=["안내서"])
    ] = None,
) -> Page[DocumentOut]:
    """Your own documents and those of your classes, newest first."""
    places = {"class_id": class_id, "project_id": project_id, "agent_id": agent_id}
    rows = await services.documents.list_page(
        caller.user_id, page, state=state.value if state else None, title=title, **places
    )
    locale = locale_of(request)
    return page_of(
        rows,
        page,
        place=lambda row: (row.created_at, row.document_id),
        item=lambda row: present(row, locale, reader=caller.user_id),
    )


@router.get("/documents/{document_id}", responses=responses(*_ERRORS, NotFound))
async def read_document(document_id: UUID, request: Request, caller: Caller, services: Services) -> DocumentOut:
    return present(await services.documents.get(caller.user_id, document_id), locale_of(request), reader=caller.user_id)


@router.get(
    "/documents/{document_id}/events",
    response_class=EventSourceResponse,
    responses=responses(*_ERRORS, NotFound),
)
async def follow_document(
    document_id: UUID, request: Request, caller: Caller, services: Services
) -> EventSourceResponse:
    """Server-sent events `progress`: the document at every change, until it is ready or has failed.

    `deleted`: it is gone. `error` (a problem): the session has ended meanwhile.
    """
    await services.documents.get(caller.user_id, document_id)
    locale = locale_of(request)

    async def events() -> AsyncIterator[ServerSentEvent]:
        number = 0
        try:
            still = partial(still_in, request, caller)
            async for document in services.documents.follow(caller.user_id, document_id, still=still):
                number += 1
                data = present(document, locale, reader=caller.user_id).model_dump_json()
                yield ServerSentEvent(data, event="progress", id=str(number))
        except NotFound:
            yield ServerSentEvent(json.dumps({"document_id": str(document_id)}), event="deleted", id=str(number + 1))
        except Unauthenticated as error:
            problem = body_of(error.message, title=error.title, status=error.status, locale=locale)
            yield ServerSentEvent(json.dumps(problem, ensure_ascii=False), event="error", id=str(number + 1))

    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return EventSourceResponse(events(), headers=headers, ping=15)


@router.post("/documents/{document_id}/cancel", responses=responses(*_ERRORS, NotFound, Conflict))
async def cancel_document(document_id: UUID, request: Request, caller: Caller, services: Services) -> DocumentOut:
    """Stop working on it. Newer content is dropped, and the document stays as it was before."""
    return present(await services.lifecycle.cancel(caller, document_id), locale_of(request), reader=caller.user_id)


@router.post("/documents/{document_id}/retry", status_code=202, responses=responses(*_ERRORS, NotFound, Conflict))
async def retry_document(document_id: UUID, request: Request, caller: Caller, services: Services) -> DocumentOut:
    """Take a document up again that failed, was rejected or cancelled. What was embedded is not paid for again."""
    return present(await services.lifecycle.retry(caller, document_id), locale_of(request), reader=caller.user_id)


@router.post("/documents/{document_id}/reprocess", status_code=202, responses=responses(*_ERRORS, NotFound, Conflict))
async def reprocess_document(document_id: UUID, request: Request, caller: Caller, services: Services) -> DocumentOut:
    """Read, cut and embed its file anew, without uploading it. Until that is done search finds it as it was."""
    return present(await services.lifecycle.reprocess(caller, document_id), locale_of(request), reader=caller.user_id)


@router.put(
    "/documents/{document_id}/content",
    status_code=202,
    openapi_extra=_FORM,
    responses={
        **responses(*_ERRORS, NotFound, Conflict, TooLarge, UnsupportedMedia),
        200: {"description": "The very file that the document has: nothing changes", "model": DocumentOut},
    },
)
async def replace_content(
    document_id: UUID,
    request: Request,
    response: Response,
    caller: Caller,
    services: Services,
    duplicate: Duplicate = "refuse",
) -> DocumentOut:
    """Upload another file, as the part `file`, as the newer content of this document; its name and type may change.

    Search and downloads keep to the file before until the newer one is ready, and for good if it fails. While the
    document is worked on this is refused (`in_progress`); `cancel` makes way.
    """
    file_name, content = await open_file(request)
    incoming = Incoming(
        file_name=file_name, content=content, size_hint=_size(request), allow_duplicate=duplicate == "allow"
    )
    document, is_newer = await services.replacement.replace(caller, document_id, incoming)
    response.status_code = 202 if is_newer else 200
    return present(document, locale_of(request), reader=caller.user_id)


@router.delete("/documents/{document_id}", responses=responses(*_ERRORS, NotFound))
async def delete_document(document_id: UUID, caller: Caller, services: Services) -> Receipt:
    """Delete the file, its text and its vectors, and return the receipt."""
    receipt = await services.deletion.delete(caller, document_id)
    return Receipt(document_id=document_id, **receipt)

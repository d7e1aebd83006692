from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from chassis.auth import Caller
from chassis.errors import (
    Forbidden,
    GrowFitError,
    Invalid,
    Locale,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from chassis.locale import locale_of
from chassis.problems import body_of, responses
from chassis.refusals import Refused
from ingest.api.multipart import FormFiles
from ingest.api.presenting import present
from ingest.api.wired import Services
from ingest.errors import FILE_MISSING
from ingest.schemas.documents import (
    BulkDelete,
    BulkDeleted,
    BulkUploaded,
    DocumentGone,
    DocumentTaken,
    Receipt,
    Visibility,
)
from ingest.service.bulk import Choices, Gone, Taken

router = APIRouter(tags=["documents"])

_ERRORS = (Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable)
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}


@router.post("/documents/bulk", openapi_extra=_FORM, responses=responses(*_ERRORS, NotFound, TooLarge))
async def upload_documents(
    request: Request,
    caller: Caller,
    services: Services,
    class_id: Annotated[UUID | None, Query(description="The class that all of them are for")] = None,
    visibility: Annotated[Visibility, Query(examples=["class"])] = Visibility.PRIVATE,
    duplicate: Annotated[str, Query(pattern="^(refuse|allow)$", examples=["allow"])] = "refuse",
) -> BulkUploaded:
    """Upload several files, each as a part `file`. Each is taken or refused for itself, in order."""
    form = FormFiles(request, most=services.bulk.most_files, max_bytes=services.bulk.most_bytes)
    choices = Choices(class_id=class_id, shared=visibility is Visibility.CLASS, allow_duplicate=duplicate == "allow")
    taken = await services.bulk.upload(caller.user_id, form, choices)
    if not taken:
        raise Invalid(FILE_MISSING)
    locale = locale_of(request)
    items = [_taken(each, locale) for each in taken]
    return BulkUploaded(accepted=sum(each.document is not None for each in items), items=items)


@router.post("/documents/bulk-delete", responses=responses(*_ERRORS))
async def delete_documents(wanted: BulkDelete, request: Request, caller: Caller, services: Services) -> BulkDeleted:
    """Delete up to 100 documents. Each answers with its receipt or its problem, as one alone does."""
    gone = await services.bulk.delete(caller, wanted.document_ids)
    for each in gone:
        # As if each had been asked for alone: whoever tries many ids that are not theirs is noticed.
        if each.refusal is not None and request.app.state.on_refused is not None:
            named = {"document_id": str(each.document_id)}
            await request.app.state.on_refused(Refused(caller, "POST /documents/bulk-delete", named, each.refusal))
    locale = locale_of(request)
    items = [_gone(each, locale) for each in gone]
    return BulkDeleted(deleted=sum(each.receipt is not None for each in items), items=items)


def _taken(taken: Taken, locale: Locale) -> DocumentTaken:
    return DocumentTaken(
        file_name=taken.file_name,
        document=present(taken.document, locale, reader=taken.document.owner_id) if taken.document else None,
        problem=problem_of(taken.refusal, locale) if taken.refusal else None,
    )


def _gone(gone: Gone, locale: Locale) -> DocumentGone:
    return DocumentGone(
        document_id=gone.document_id,
        receipt=Receipt(document_id=gone.document_id, **gone.receipt) if gone.receipt else None,
        problem=problem_of(gone.refusal, locale) if gone.refusal else None,
    )


def problem_of(error: GrowFitError, locale: Locale) -> dict[str, Any]:
    return body_of(error.message, title=error.title, status=error.status, locale=locale, values=error.values)

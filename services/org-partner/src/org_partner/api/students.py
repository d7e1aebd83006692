from collections import Counter
from datetime import datetime
from typing import Annotated, Any, TypedDict
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from chassis import csv_cells
from chassis.auth import Caller
from chassis.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from chassis.locale import locale_of
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.csv_body import CSV_BODY, read_csv
from org_partner.api.wired import Services
from org_partner.schemas.enrollments import EnrollmentStatus, ImportedRow, ImportReport, StudentOut
from org_partner.schemas.fields import SearchText
from org_partner.schemas.seoul import SeoulTimeIn

router = APIRouter(tags=["students"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}, "description": "UTF-8 with its mark"}}

Status = Annotated[EnrollmentStatus | None, Query(examples=["active"])]
Text = Annotated[SearchText | None, Query(description="A part of the name or the address", examples=["김"])]


class Wanted(TypedDict):
    status: EnrollmentStatus | None
    text: str | None
    enrolled_from: datetime | None
    enrolled_to: datetime | None


async def _wanted(
    status: Status = None,
    text: Text = None,
    enrolled_from: Annotated[SeoulTimeIn | None, Query(description="Then or later")] = None,
    enrolled_to: Annotated[SeoulTimeIn | None, Query(description="Before then")] = None,
) -> Wanted:
    return {"status": status, "text": text, "enrolled_from": enrolled_from, "enrolled_to": enrolled_to}


class Manner(TypedDict):
    dry_run: bool
    invite_unknown: bool


async def _manner(
    *,
    dry_run: Annotated[bool, Query(description="Only say what would happen")] = False,
    invite_unknown: Annotated[
        bool, Query(description="Send whoever has not signed up, or not verified the address, a code of their own")
    ] = False,
) -> Manner:
    return {"dry_run": dry_run, "invite_unknown": invite_unknown}


Filters = Annotated[Wanted, Depends(_wanted)]
How = Annotated[Manner, Depends(_manner)]


@router.get("/classes/{class_id}/students", responses=_READ)
async def list_students(
    class_id: UUID, page: PageSlice, filters: Filters, caller: Caller, services: Services
) -> Page[StudentOut]:
    """For the partner's staff."""
    rows = await services.enrollments.list_students(caller, class_id, page, **filters)
    return page_of(rows, page, place=lambda row: (row.enrolled_at, row.enrollment_id), item=StudentOut.model_validate)


@router.get("/partners/{partner_id}/students", responses=_READ)
async def list_partner_students(
    partner_id: UUID,
    page: PageSlice,
    filters: Filters,
    caller: Caller,
    services: Services,
    class_id: Annotated[UUID | None, Query(description="Those of this class alone")] = None,
) -> Page[StudentOut]:
    """Across the partner's classes; whoever is in two of them is there twice."""
    rows = await services.enrollments.list_partner_students(caller, partner_id, page, class_id=class_id, **filters)
    return page_of(rows, page, place=lambda row: (row.enrolled_at, row.enrollment_id), item=StudentOut.model_validate)


@router.get("/classes/{class_id}/students/export", response_class=StreamingResponse, responses=_READ | _CSV)
async def export_students(
    request: Request, class_id: UUID, caller: Caller, services: Services, status: Status = None, text: Text = None
) -> StreamingResponse:
    """The roster as CSV, its names in the language asked for. It can be sent back to `import`."""
    lines = await services.rosters.export(caller, class_id, locale=locale_of(request), status=status, text=text)
    headers = csv_cells.attachment("students.csv")
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/classes/{class_id}/students/import",
    openapi_extra=CSV_BODY,
    responses=responses(
        Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, UnsupportedMedia, Invalid, Unavailable
    ),
)
async def import_students(
    request: Request,
    class_id: UUID,
    caller: Caller,
    services: Services,
    how: How,
) -> ImportReport:
    """Enrol whom a CSV file names by e-mail. A row that is wrong keeps no other out; sent again, nothing changes."""
    locale = locale_of(request)
    verdicts = await services.roster_imports.run(caller, class_id, await read_csv(request), locale=locale, **how)
    rows = [
        ImportedRow(
            row=each.row.number,
            email=each.row.written,
            outcome=each.message.code,
            message=each.message.text(locale, **each.values),
        )
        for each in verdicts
    ]
    return ImportReport(dry_run=how["dry_run"], counts=Counter(row.outcome for row in rows), rows=rows)

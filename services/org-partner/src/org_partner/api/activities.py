from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from chassis import csv_cells
from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.locale import locale_of
from chassis.paging import Page, page_of, slice_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.activities import (
    ActivityOut,
    ActivityPageQuery,
    ActivityQuery,
    OrgActivityPageQuery,
    OrgActivityQuery,
    Paged,
    PartnerActivityPageQuery,
    PartnerActivityQuery,
)
from org_partner.service.activity_logs import Log, OfClass, OfOrg, OfPartner, Wanted

router = APIRouter(tags=["activities"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/orgs/{org_id}/activities", responses=_READ)
async def list_org_activities(
    org_id: UUID, query: Annotated[OrgActivityPageQuery, Query()], caller: Caller, services: Services
) -> Page[ActivityOut]:
    """Who did what in the org and everything below it, newest first; for its administrators."""
    return await _list(services, caller, OfOrg(org_id), query)


@router.get("/partners/{partner_id}/activities", responses=_READ)
async def list_partner_activities(
    partner_id: UUID, query: Annotated[PartnerActivityPageQuery, Query()], caller: Caller, services: Services
) -> Page[ActivityOut]:
    """Who did what in the partner and its classes; for its owners and instructors."""
    return await _list(services, caller, OfPartner(partner_id), query)


@router.get("/classes/{class_id}/activities", responses=_READ)
async def list_class_activities(
    class_id: UUID, query: Annotated[ActivityPageQuery, Query()], caller: Caller, services: Services
) -> Page[ActivityOut]:
    """Who did what in the class; of a question that it was asked, never its text."""
    return await _list(services, caller, OfClass(class_id), query)


@router.get("/orgs/{org_id}/activities/export", response_class=StreamingResponse, responses=_READ | _CSV)
async def export_org_activities(
    org_id: UUID, query: Annotated[OrgActivityQuery, Query()], request: Request, caller: Caller, services: Services
) -> StreamingResponse:
    """The same entries, all of them, as CSV (UTF-8 with BOM, times in Asia/Seoul). The export is an entry itself."""
    return await _export(services, caller, OfOrg(org_id), query, request)


@router.get("/partners/{partner_id}/activities/export", response_class=StreamingResponse, responses=_READ | _CSV)
async def export_partner_activities(
    partner_id: UUID,
    query: Annotated[PartnerActivityQuery, Query()],
    request: Request,
    caller: Caller,
    services: Services,
) -> StreamingResponse:
    """As for the org."""
    return await _export(services, caller, OfPartner(partner_id), query, request)


@router.get("/classes/{class_id}/activities/export", response_class=StreamingResponse, responses=_READ | _CSV)
async def export_class_activities(
    class_id: UUID, query: Annotated[ActivityQuery, Query()], request: Request, caller: Caller, services: Services
) -> StreamingResponse:
    """As for the org."""
    return await _export(services, caller, OfClass(class_id), query, request)


async def _list(
    services: Services,
    caller: Caller,
    log: Log,
    query: ActivityPageQuery | PartnerActivityPageQuery | OrgActivityPageQuery,
) -> Page[ActivityOut]:
    page = slice_of(query.limit, query.cursor)
    rows = await services.activity_logs.list_of(caller, log, page, _wanted(query))
    return page_of(rows, page, place=lambda row: (row.occurred_at, row.activity_id), item=ActivityOut.model_validate)


async def _export(
    services: Services, caller: Caller, log: Log, query: ActivityQuery, request: Request
) -> StreamingResponse:
    lines = await services.activity_logs.export(caller, log, _wanted(query), locale=locale_of(request))
    headers = csv_cells.attachment("activities.csv")
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _wanted(query: ActivityQuery) -> Wanted:
    return Wanted(**query.model_dump(exclude=set(Paged.model_fields)))

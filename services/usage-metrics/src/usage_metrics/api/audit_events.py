from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from chassis import csv_cells
from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, page_of, slice_of
from chassis.problems import responses
from usage_metrics.api.audit_csv import lines_of
from usage_metrics.api.wired import Services
from usage_metrics.schemas.audit_events import AuditLine, AuditQuery, EntriesQuery
from usage_metrics.service.audit_events import AuditFilters

router = APIRouter(
    tags=["audit log"],
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable),
)


class CsvResponse(StreamingResponse):
    media_type = "text/csv"


@router.get("/audit-events")
async def list_audit_events(
    query: Annotated[EntriesQuery, Query()], caller: Caller, services: Services
) -> Page[AuditLine]:
    """Who did what to whom, and how it ended, newest first.

    Supervisors see everything, an org's admin the org's entries, a partner's owner the partner's, and everyone what
    they did themselves and what was done to their account.
    """
    page = slice_of(query.limit, query.cursor)
    entries = await services.audit.list_entries(caller, _filters(query), page)
    return page_of(entries, page, place=lambda each: (each.occurred_at, each.audit_id), item=AuditLine.model_validate)


@router.get("/audit-events/export", response_class=CsvResponse)
async def export_audit_events(
    query: Annotated[AuditQuery, Query()], caller: Caller, services: Services
) -> StreamingResponse:
    """The same entries, all of them, as CSV (UTF-8 with BOM, times in Asia/Seoul). The export is an entry itself."""
    export = await services.audit.export(caller, _filters(query))
    name = f"audit-events_{export.period.first}_{export.period.last}.csv"
    return CsvResponse(lines_of(export.pages), headers=csv_cells.attachment(name))


def _filters(query: AuditQuery) -> AuditFilters:
    return AuditFilters(
        first=query.first,
        last=query.last,
        org_id=query.org_id,
        partner_id=query.partner_id,
        class_id=query.class_id,
        action=query.action,
        outcome=query.outcome,
        actor_id=query.actor_id,
        target=query.target,
        publisher=query.publisher,
        ip=None if query.ip is None else str(query.ip),
    )

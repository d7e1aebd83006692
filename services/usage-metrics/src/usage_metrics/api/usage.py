from typing import Annotated

from fastapi import APIRouter, Query

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, page_of, slice_of
from chassis.problems import responses
from usage_metrics.api.wired import Services
from usage_metrics.schemas.usage import LinesQuery, SummaryOut, SummaryQuery, SummaryRow, Sums, UsageLine, UsageQuery
from usage_metrics.service.periods import SEOUL
from usage_metrics.service.usage import Filters

router = APIRouter(
    tags=["usage"], responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable)
)


@router.get("/usage/summary", response_model_exclude_unset=True)
async def read_summary(query: Annotated[SummaryQuery, Query()], caller: Caller, services: Services) -> SummaryOut:
    """Calls and tokens summed up by day, org, partner, class, user, operation, model, or any of these together."""
    summary = await services.usage.summarise(
        caller,
        _filters(query),
        group_by=tuple(group.column for group in query.group_by),
        most_tokens_first=query.sort == "tokens",
        limit=query.limit,
        cursor=query.cursor,
    )
    return SummaryOut(
        first=summary.period.first,
        last=summary.period.last,
        timezone=str(SEOUL),
        group_by=query.group_by,
        totals=Sums.model_validate(summary.totals),
        rows=[SummaryRow.model_validate(row) for row in summary.rows],
        next_cursor=summary.next_cursor,
    )


@router.get("/usage/events")
async def list_events(query: Annotated[LinesQuery, Query()], caller: Caller, services: Services) -> Page[UsageLine]:
    """The ledger line by line, newest first."""
    page = slice_of(query.limit, query.cursor)
    lines = await services.usage.list_lines(caller, _filters(query), page)
    return page_of(lines, page, place=lambda line: (line.occurred_at, line.event_id), item=UsageLine.model_validate)


def _filters(query: UsageQuery) -> Filters:
    return Filters(
        first=query.first,
        last=query.last,
        org_id=query.org_id,
        partner_id=query.partner_id,
        class_id=query.class_id,
        user_id=query.user_id,
        operation=query.operation,
        model=query.model,
    )

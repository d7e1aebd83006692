"""Usage as people ask for it: summed up by groups, or line by line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.paging import Slice
from usage_metrics.crud import usage_daily, usage_events
from usage_metrics.crud.reach import Asked, Period, Selection
from usage_metrics.crud.usage_daily import Grouping
from usage_metrics.models import UsageEvent
from usage_metrics.service import group_cursor
from usage_metrics.service.periods import period_of
from usage_metrics.service.permission import reach_of


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a request asks for; absent is no limit. Days are in Asia/Seoul, both inclusive."""

    first: date | None = None
    last: date | None = None
    org_id: UUID | None = None
    partner_id: UUID | None = None
    class_id: UUID | None = None
    user_id: UUID | None = None
    operation: str | None = None
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """`rows` is one page of the groups; `totals` is over all of them."""

    period: Period
    totals: dict[str, Any]
    rows: list[dict[str, Any]]
    next_cursor: str | None


class UsageService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def summarise(
        self,
        caller: Principal,
        filters: Filters,
        *,
        group_by: tuple[str, ...],
        most_tokens_first: bool,
        limit: int,
        cursor: str | None,
    ) -> Summary:
        """`group_by`: columns of the read model, in the order to sort by; none means totals alone.

        Raises:
            Invalid: the period or the cursor does not fit.
            NotFound: a tenant that the caller has no part in.
        """
        period = period_of(filters.first, filters.last, now=now())
        grouping = Grouping(keys=group_by, most_tokens_first=most_tokens_first)
        after = group_cursor.decode(grouping, cursor) if cursor else None
        async with self._database.transaction(tenant.of(caller), snapshot=True) as session:
            chosen = await _choose(session, caller, filters, period)
            totals = await usage_daily.get_totals(session, chosen)
            rows: list[dict[str, Any]] = []
            if grouping.keys:
                rows = await usage_daily.list_groups(session, chosen, grouping, after=after, limit=limit + 1)
        further = _place(rows[limit - 1]) if len(rows) > limit else None
        return Summary(
            period=period,
            totals=totals,
            rows=rows[:limit],
            next_cursor=group_cursor.encode(grouping, further) if further else None,
        )

    async def list_lines(self, caller: Principal, filters: Filters, page: Slice) -> Sequence[UsageEvent]:
        """Newest first, one more than the page holds when there is a next one. Raises as `summarise` does."""
        period = period_of(filters.first, filters.last, now=now())
        async with self._database.transaction(tenant.of(caller), snapshot=True) as session:
            chosen = await _choose(session, caller, filters, period)
            return await usage_events.list_lines(session, chosen, page)


async def _choose(session: AsyncSession, caller: Principal, filters: Filters, period: Period) -> Selection:
    asked = Asked(org_id=filters.org_id, partner_id=filters.partner_id, class_id=filters.class_id)
    return Selection(
        reach=await reach_of(session, caller, asked),
        period=period,
        user_id=filters.user_id,
        operation=filters.operation,
        model=filters.model,
    )


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(value for name, value in row.items() if name.startswith("place_"))

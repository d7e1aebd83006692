"""Is the read model what the ledger says? And making it so."""

from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from usage_metrics.crud.reach import Period, within
from usage_metrics.crud.usage_daily import add_lines, by_day
from usage_metrics.models import KEYS, SUMS, UsageDaily, UsageEvent


async def list_differences(session: AsyncSession, period: Period | None) -> list[dict[str, Any]]:
    """KEYS, and SUMS as ledger minus read model, where these are not all zero. One statement, so one moment."""
    ledger = by_day(_lines(period)).subquery("ledger")
    booked = select(*(ledger.c[name] for name in (*KEYS, *SUMS)))
    model = select(*(getattr(UsageDaily, key) for key in KEYS), *((-getattr(UsageDaily, s)).label(s) for s in SUMS))
    both = union_all(booked, model.where(*_days(period))).subquery("both")
    keys = [both.c[key] for key in KEYS]
    sums = [func.sum(both.c[name]) for name in SUMS]
    query = select(*keys, *(total.label(name) for name, total in zip(SUMS, sums, strict=True)))
    query = query.group_by(*keys).having(or_(*(total != 0 for total in sums))).order_by(*keys)
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def rebuild(session: AsyncSession, period: Period | None) -> int:
    """Make the read model anew from the ledger. Returns its number of lines.

    Writers wait meanwhile: a line that is counted here and added by its writer as well would count twice.
    """
    await session.execute(text("LOCK TABLE partner.usage_daily IN SHARE ROW EXCLUSIVE MODE"))
    await session.execute(delete(UsageDaily).where(*_days(period)))
    return len((await session.execute(add_lines(_lines(period)))).all())


async def lift_time_limit(session: AsyncSession) -> None:
    """An operator's look at years of lines may take longer than a request may."""
    await session.execute(text("SET LOCAL statement_timeout = 0"))


def _lines(period: Period | None) -> Any:
    query: Select[Any] = select(UsageEvent)
    return query.where(*(within(UsageEvent, period) if period else [])).subquery("lines")


def _days(period: Period | None) -> list[ColumnElement[bool]]:
    return within(UsageDaily, period) if period else []

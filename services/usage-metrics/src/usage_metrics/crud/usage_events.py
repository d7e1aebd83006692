from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import Insert, Table, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from usage_metrics.crud import usage_daily
from usage_metrics.crud.reach import Selection, conditions
from usage_metrics.models import UsageEvent


async def add(session: AsyncSession, **line: Any) -> bool:
    """Write one line and add it to its day, in one statement. False: the ledger holds that call already."""
    return (await session.execute(_adding(), line)).one_or_none() is not None


@cache
def _adding() -> Insert:
    # Built once: putting these clauses together costs more than running them.
    table = cast("Table", UsageEvent.__table__)
    given: dict[str, Any] = {column.name: bindparam(column.name) for column in table.c if column.server_default is None}
    written = insert(table).values(given).on_conflict_do_nothing().returning(table)
    return usage_daily.add_lines(written.cte("written"))


async def list_lines(session: AsyncSession, chosen: Selection, page: paging.Slice) -> Sequence[UsageEvent]:
    """Newest first; one more than the page holds when there is a next one."""
    query = select(UsageEvent).where(*conditions(UsageEvent, chosen))
    query = paging.apply(query, page, at=UsageEvent.occurred_at, key=UsageEvent.event_id)
    return (await session.execute(query)).scalars().all()

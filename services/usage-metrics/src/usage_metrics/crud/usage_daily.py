"""The read model. One definition of how lines add up serves writing, comparing and rebuilding alike."""

from dataclasses import dataclass
from datetime import date
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    Insert,
    Select,
    Table,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from usage_metrics.crud.reach import Selection, conditions
from usage_metrics.models import KEYS, SUMS, TENANCY, UsageDaily

type Place = tuple[date | UUID | str | int, ...]

_NO_TENANT = UUID(int=2**128 - 1)
_NULLABLE = frozenset({"org_id", "partner_id", "class_id"})


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """`keys`: columns of the read model, in the order in which the groups are sorted."""

    keys: tuple[str, ...]
    most_tokens_first: bool = False


def by_day(lines: FromClause) -> Select[*tuple[Any, ...]]:
    """Ledger lines added up to KEYS and SUMS."""
    line = lines.c
    # Written out, not bound: as a parameter it would be another one in GROUP BY, and so another expression.
    day = sql_cast(func.timezone(literal_column("'Asia/Seoul'"), line.occurred_at), Date).label("day")
    keys = [day, *(line[key] for key in KEYS if key != "day")]
    sums = {
        "calls": func.count(),
        "input_tokens": _total(line.input_tokens),
        "output_tokens": _total(line.output_tokens),
        "cancelled": func.count().filter(line.outcome == "cancelled"),
        "failed": func.count().filter(line.outcome == "failed"),
        "estimated_calls": func.count().filter(line.estimated),
    }
    return select(*keys, *(sums[name].label(name) for name in SUMS)).group_by(*keys)


def add_lines(lines: FromClause) -> Insert:
    """Add lines to their days; returns a row for every day touched."""
    # The table, not the class: bound values of a statement built ahead are the table's alone.
    table = cast("Table", UsageDaily.__table__)
    statement = insert(table).from_select([*KEYS, *SUMS], by_day(lines))
    added = {name: table.c[name] + statement.excluded[name] for name in SUMS}
    return statement.on_conflict_do_update(index_elements=KEYS, set_=added).returning(table.c.day)


async def get_totals(session: AsyncSession, chosen: Selection) -> dict[str, Any]:
    """SUMS and `total_tokens` of everything chosen; zeros when that is nothing."""
    query = select(*_sums()).where(*conditions(UsageDaily, chosen))
    return dict((await session.execute(query)).mappings().one())


async def list_groups(
    session: AsyncSession, chosen: Selection, grouping: Grouping, *, after: Place | None, limit: int
) -> list[dict[str, Any]]:
    """Groups beyond the place `after`. Each row tells its own place as `place_0`, `place_1` and so on."""
    keys = [getattr(UsageDaily, key) for key in grouping.keys]
    groups = select(*keys, *_sums()).where(*conditions(UsageDaily, chosen)).group_by(*keys).subquery("groups")
    place = _place(groups, grouping)
    query = select(groups, *(part.label(f"place_{number}") for number, part in enumerate(place)))
    if "class_id" in grouping.keys:
        query = query.add_columns(TENANCY.classes.c.name.label("class_name"))
        query = query.outerjoin(TENANCY.classes, TENANCY.classes.c.class_id == groups.c.class_id)
    if after is not None:
        query = query.where(tuple_(*place) > tuple_(*(literal(part) for part in after)))
    rows = (await session.execute(query.order_by(*place).limit(limit))).mappings()
    return [dict(row) for row in rows]


def _place(groups: FromClause, grouping: Grouping) -> list[ColumnElement[Any]]:
    """What a group is sorted by: ascending throughout, never NULL, unique; so a page goes on by one comparison."""
    place: list[ColumnElement[Any]] = [-groups.c.total_tokens] if grouping.most_tokens_first else []
    for key in grouping.keys:
        column = groups.c[key]
        place.append(func.coalesce(column, _NO_TENANT) if key in _NULLABLE else column)
    return place


def _sums() -> list[ColumnElement[int]]:
    total = _total(UsageDaily.input_tokens + UsageDaily.output_tokens).label("total_tokens")
    return [*(_total(getattr(UsageDaily, name)).label(name) for name in SUMS), total]


def _total(amount: Any) -> ColumnElement[int]:
    # PostgreSQL adds bigints up to a numeric, which would reach the caller as text.
    return sql_cast(func.coalesce(func.sum(amount), 0), BigInteger)

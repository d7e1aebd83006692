"""Cursor paging in an order that the caller chose. Where there is but one order, `chassis.paging` is enough.

A cursor says the order it belongs to: brought along with another one, it would skip rows, so it is refused.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, SQLColumnExpression, tuple_

from chassis.errors import CURSOR_INVALID, Invalid
from chassis.paging import Page

# A cursor holds a row's name or address.
MAX_CURSOR = 1_500

Value = str | datetime


@dataclass(frozen=True)
class Order:
    """`kind`: what the values are that it orders by. Rows of one value are ordered by their ids."""

    name: str
    kind: type[str] | type[datetime]
    descending: bool = False


@dataclass(frozen=True)
class OrderedSlice:
    """Which rows: at most `limit`, strictly behind `after`."""

    limit: int
    order: Order
    after: tuple[Value, UUID] | None = None


def slice_of(limit: int, cursor: str | None, order: Order) -> OrderedSlice:
    """
    Raises:
        Invalid: the cursor is not one of ours, or of another order.
    """
    return OrderedSlice(limit, order, _decode(cursor, order) if cursor else None)


def apply[*ColumnTs](
    query: Select[*ColumnTs], page: OrderedSlice, *, by: SQLColumnExpression[Any], key: SQLColumnExpression[UUID]
) -> Select[*ColumnTs]:
    """Order by (by, key) and take one row more than asked, which tells that there is a next page.

    `by` is never NULL: a row without a value would be on no page.
    """
    if page.after is not None:
        place = tuple_(*page.after)
        query = query.where(tuple_(by, key) < place if page.order.descending else tuple_(by, key) > place)
    by_, key_ = (by.desc(), key.desc()) if page.order.descending else (by.asc(), key.asc())
    return query.order_by(by_, key_).limit(page.limit + 1)


def next_of[RowT](
    rows: Sequence[RowT], page: OrderedSlice, *, place: Callable[[RowT], tuple[Value, UUID]]
) -> str | None:
    """The cursor behind what `apply` found; None at the end."""
    return _encode(page.order, *place(rows[page.limit - 1])) if len(rows) > page.limit else None


def page_of[RowT, ItemT](
    rows: Sequence[RowT],
    page: OrderedSlice,
    *,
    place: Callable[[RowT], tuple[Value, UUID]],
    item: Callable[[RowT], ItemT],
) -> Page[ItemT]:
    return Page(items=[item(row) for row in rows[: page.limit]], next_cursor=next_of(rows, page, place=place))


def _encode(order: Order, value: Value, key: UUID) -> str:
    said = value.isoformat() if isinstance(value, datetime) else value
    whole = json.dumps([order.name, order.descending, said, str(key)], ensure_ascii=False)
    return base64.urlsafe_b64encode(whole.encode()).decode().rstrip("=")


def _decode(cursor: str, order: Order) -> tuple[Value, UUID]:
    try:
        name, descending, said, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if (name, descending) != (order.name, order.descending):
            raise ValueError(name)
        return _value(said, order.kind), UUID(key)
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise Invalid(CURSOR_INVALID) from error


def _value(said: str, kind: type[str] | type[datetime]) -> Value:
    if kind is datetime:
        moment = datetime.fromisoformat(said)
        if moment.tzinfo is None:
            raise ValueError(said)
        return moment
    # PostgreSQL keeps neither, so no row of ours has them: half a surrogate, and NUL.
    if "\0" in said.encode().decode():
        raise ValueError(said)
    return said

"""Cursor paging: newest first, stable while rows come and go. A cursor is opaque to the caller."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, SQLColumnExpression, tuple_

from chassis.errors import CURSOR_INVALID, Invalid

MAX_PAGE = 200


class Page[ItemT](BaseModel):
    items: list[ItemT]
    next_cursor: str | None = Field(
        None, description="`cursor` of the page after; null: this is the last one", examples=["eyJhdCI6IjIwMjYifQ"]
    )


@dataclass(frozen=True)
class Slice:
    """Which rows: at most `limit`, strictly older than `after`."""

    limit: int
    after: tuple[datetime, UUID] | None = None


async def _slice(
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows per page")] = 50,
    cursor: Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before")] = None,
) -> Slice:
    return slice_of(limit, cursor)


def slice_of(limit: int, cursor: str | None) -> Slice:
    """For a route whose query model has these two among its own fields.

    Raises:
        Invalid: the cursor is not one of ours.
    """
    return Slice(limit, _decode(cursor) if cursor else None)


PageSlice = Annotated[Slice, Depends(_slice)]


@dataclass(frozen=True)
class NamedSlice:
    """Which of a list that code or configuration holds: at most `limit`, behind the one that is called `after`."""

    limit: int
    after: str | None = None


async def _named_slice(
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows per page")] = 50,
    cursor: Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before")] = None,
) -> NamedSlice:
    return NamedSlice(limit, cursor)


NamedPageSlice = Annotated[NamedSlice, Depends(_named_slice)]


def page_by_name[RowT, ItemT](
    rows: Sequence[RowT], page: NamedSlice, *, name: Callable[[RowT], str], item: Callable[[RowT], ItemT]
) -> Page[ItemT]:
    """In the order that they have. A cursor is the name of the last one of the page before.

    Raises:
        Invalid: the cursor is no name of these.
    """
    names = [name(row) for row in rows]
    if page.after is not None and page.after not in names:
        raise Invalid(CURSOR_INVALID)
    start = 0 if page.after is None else names.index(page.after) + 1
    end = start + page.limit
    return Page(items=[item(row) for row in rows[start:end]], next_cursor=names[end - 1] if end < len(rows) else None)


def apply[*ColumnTs](
    query: Select[*ColumnTs], page: Slice, *, at: SQLColumnExpression[datetime], key: SQLColumnExpression[UUID]
) -> Select[*ColumnTs]:
    """Order by (at, key) descending and take one row more than asked, which tells that there is a next page."""
    if page.after is not None:
        query = query.where(tuple_(at, key) < tuple_(*page.after))
    return query.order_by(at.desc(), key.desc()).limit(page.limit + 1)


def page_of[RowT, ItemT](
    rows: Sequence[RowT], page: Slice, *, place: Callable[[RowT], tuple[datetime, UUID]], item: Callable[[RowT], ItemT]
) -> Page[ItemT]:
    kept = rows[: page.limit]
    more = len(rows) > page.limit
    return Page(items=[item(row) for row in kept], next_cursor=_encode(*place(kept[-1])) if more else None)


def _encode(at: datetime, key: UUID) -> str:
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), str(key)]).encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError(at)
        return moment, UUID(key)
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise Invalid(CURSOR_INVALID) from error

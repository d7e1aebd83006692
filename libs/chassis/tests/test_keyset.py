"""Pages in a chosen order are stable, whole, and told apart from pages in another one."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert, select

from chassis import keyset, problems
from chassis.keyset import Order
from chassis.paging import Page

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
KINDS = {"name": str, "at": datetime}


@pytest.fixture
def listing(store):
    """Pages over a table with a text, a time and an id: the inbox, which happens to have all three."""
    table = store.plumbing.inbox
    by = {"name": table.c.consumer, "at": table.c.processed_at}

    class Listing:
        async def add(self, *rows: tuple[str, datetime]) -> list[UUID]:
            ids = [uuid4() for _ in rows]
            values = [
                {"consumer": name, "event_id": key, "processed_at": at}
                for key, (name, at) in zip(ids, rows, strict=True)
            ]
            async with store.database.transaction() as session:
                await session.execute(insert(table), values)
            return ids

        async def remove(self, *ids: UUID) -> None:
            async with store.database.transaction() as session:
                await session.execute(delete(table).where(table.c.event_id.in_(ids)))

        async def page(self, limit: int, cursor: str | None, sort: str, *, descending: bool) -> Page[UUID]:
            page = keyset.slice_of(limit, cursor, Order(sort, KINDS[sort], descending))
            query = select(by[sort].label("place"), table.c.event_id)
            rows = await store.rows(keyset.apply(query, page, by=by[sort], key=table.c.event_id))
            return keyset.page_of(rows, page, place=lambda row: (row[0], row[1]), item=lambda row: row[1])

    return Listing()


@pytest.fixture
async def door(listing) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)

    @app.get("/rows")
    async def rows(
        sort: Literal["name", "at"] = "name",
        order: Literal["asc", "desc"] = "asc",
        limit: int = 3,
        cursor: str | None = None,
    ) -> Page[UUID]:
        return await listing.page(limit, cursor, sort, descending=order == "desc")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


async def walk(door: httpx.AsyncClient, **query: Any) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        found = (await door.get("/rows", params=query | ({"cursor": cursor} if cursor else {}))).json()
        pages.append(found["items"])
        cursor = found["next_cursor"]
        if cursor is None:
            return pages


ROWS = [("b", START), ("a", START), ("c", START - timedelta(1)), ("b", START + timedelta(1)), ("가", START)]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort", ["name", "at"])
@pytest.mark.parametrize("limit", [1, 2, 5, 6])
async def test_every_row_is_on_one_page_in_order(listing, door, sort, order, limit) -> None:
    ids = await listing.add(*ROWS)
    values = dict(zip(map(str, ids), [row[list(KINDS).index(sort)] for row in ROWS], strict=True))
    pages = await walk(door, sort=sort, order=order, limit=limit)
    found = [key for page in pages for key in page]
    assert found == sorted(values, key=lambda key: (values[key], UUID(key)), reverse=order == "desc")
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert pages[-1], "a last page that is full has no empty one behind it"


async def test_no_row_at_all(door) -> None:
    assert await walk(door) == [[]]


async def test_pages_are_stable_while_rows_come_and_go(listing, door) -> None:
    ids = await listing.add(*((name, START) for name in "bdfhj"))
    first = (await door.get("/rows", params={"limit": 2})).json()
    assert first["items"] == [str(ids[0]), str(ids[1])]
    late = await listing.add(("a", START), ("c", START), ("e", START))
    await listing.remove(ids[1], ids[3])
    second = (await door.get("/rows", params={"limit": 5, "cursor": first["next_cursor"]})).json()
    assert second == {"items": [str(late[2]), str(ids[2]), str(ids[4])], "next_cursor": None}


async def test_a_long_korean_name_fits_into_a_cursor(listing, door) -> None:
    await listing.add(*((f"{'가' * 79}{letter}", START) for letter in "ab"))
    found = (await door.get("/rows", params={"limit": 1})).json()
    assert len(found["next_cursor"]) < keyset.MAX_CURSOR
    assert len((await door.get("/rows", params={"limit": 1, "cursor": found["next_cursor"]})).json()["items"]) == 1


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_a_cursor_of_another_order_is_refused(listing, door) -> None:
    await listing.add(*ROWS)
    cursor = (await door.get("/rows", params={"sort": "name"})).json()["next_cursor"]
    for query in ({"sort": "at"}, {"sort": "name", "order": "desc"}):
        answer = await door.get("/rows", params=query | {"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


KEY = str(UUID(int=7))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "not base64 at all!",
        "커서",
        "e30",
        encoded([]),
        encoded("name"),
        encoded({"name": 1}),
        encoded(["name", False, "a"]),
        encoded(["name", False, "a", "no-id"]),
        encoded(["name", False, "a", 7]),
        encoded(["name", False, None, KEY]),
        encoded(["name", False, 7, KEY]),
        encoded(["name", False, ["a"], KEY]),
        encoded(["name", False, "a\0b", KEY]),
        encoded(["name", False, "\ud800", KEY]),
        encoded(["name", False, "a", KEY, 1]),
        base64.urlsafe_b64encode(b"[" * 200).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
    ],
)
async def test_a_cursor_that_nobody_gave_out_is_refused(door: httpx.AsyncClient, cursor: str) -> None:
    answer = await door.get("/rows", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-22T09:00:00", "", 7, None])
async def test_a_moment_that_is_none(door: httpx.AsyncClient, moment: object) -> None:
    answer = await door.get("/rows", params={"sort": "at", "cursor": encoded(["at", False, moment, KEY])})
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")

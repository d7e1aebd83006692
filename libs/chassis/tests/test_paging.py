"""Pages are stable while rows come and go, and a cursor is nothing to play with."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert, select

from chassis import paging, problems
from chassis.paging import Page, PageSlice, Slice, apply, page_of

START = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def listing(store):
    """Pages over a table with a time and an id: the inbox, which happens to have both."""
    table = store.plumbing.inbox

    class Listing:
        async def add(self, *moments: datetime) -> list[UUID]:
            ids = [uuid4() for _ in moments]
            rows = [
                {"consumer": "c", "event_id": key, "processed_at": at} for key, at in zip(ids, moments, strict=True)
            ]
            async with store.database.transaction() as session:
                await session.execute(insert(table), rows)
            return ids

        async def remove(self, *ids: UUID) -> None:
            async with store.database.transaction() as session:
                await session.execute(delete(table).where(table.c.event_id.in_(ids)))

        async def page(self, page: Slice) -> Page[UUID]:
            query = select(table.c.processed_at, table.c.event_id)
            rows = await store.rows(apply(query, page, at=table.c.processed_at, key=table.c.event_id))
            return page_of(rows, page, place=lambda row: (row[0], row[1]), item=lambda row: row[1])

        async def all(self, limit: int) -> list[list[UUID]]:
            pages, cursor = [], None
            while True:
                after = paging._decode(cursor) if cursor else None
                found = await self.page(Slice(limit, after))
                pages.append(found.items)
                cursor = found.next_cursor
                if cursor is None:
                    return pages

    return Listing()


@pytest.fixture
async def door(listing) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)

    @app.get("/rows")
    async def rows(page: PageSlice) -> Page[UUID]:
        return await listing.page(page)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


async def test_every_row_is_on_one_page_newest_first(listing) -> None:
    ids = await listing.add(*(START + timedelta(minutes=number) for number in range(7)))
    assert await listing.all(3) == [ids[:3:-1], ids[3:0:-1], ids[:1]]
    assert await listing.all(7) == [ids[::-1]], "a last page that is full has no empty one behind it"
    assert await listing.all(200) == [ids[::-1]]


async def test_no_row_at_all(listing) -> None:
    assert await listing.all(5) == [[]]


async def test_rows_of_the_same_moment_are_told_apart(listing) -> None:
    ids = await listing.add(*[START] * 10)
    pages = await listing.all(3)
    assert sorted(key for page in pages for key in page) == sorted(ids)


async def test_microseconds_survive_the_cursor(listing) -> None:
    ids = await listing.add(*(START + timedelta(microseconds=number) for number in range(4)))
    assert await listing.all(1) == [[key] for key in reversed(ids)]


async def test_pages_are_stable_while_rows_come_and_go(listing, door) -> None:
    ids = await listing.add(*(START + timedelta(minutes=number) for number in range(9)))
    first = (await door.get("/rows", params={"limit": 3})).json()
    assert first["items"] == [str(key) for key in (ids[8], ids[7], ids[6])]
    await listing.add(START + timedelta(hours=1), START + timedelta(hours=2))
    await listing.remove(ids[6], ids[8], ids[4])
    second = (await door.get("/rows", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert second["items"] == [str(key) for key in (ids[5], ids[3], ids[2])]
    late = await listing.add(START + timedelta(seconds=90))
    third = (await door.get("/rows", params={"limit": 3, "cursor": second["next_cursor"]})).json()
    assert third == {"items": [str(key) for key in (*late, ids[1], ids[0])], "next_cursor": None}


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "not base64 at all!",
        "커서",
        "e30",
        encoded([]),
        encoded(["2026-11-22T09:00:00+00:00"]),
        encoded(["2026-11-22T09:00:00+00:00", "no-id"]),
        encoded(["2026-11-22T09:00:00+00:00", 7]),
        encoded(["2026-11-22T09:00:00", str(UUID(int=7))]),
        encoded(["yesterday", str(UUID(int=7))]),
        encoded([7, str(UUID(int=7))]),
        encoded([None, None]),
        encoded({"at": 1, "key": 2}),
        encoded("ab"),
        "W" * 301,
        base64.urlsafe_b64encode(b"[" * 200).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
    ],
)
async def test_a_cursor_that_nobody_gave_out_is_refused(door: httpx.AsyncClient, cursor: str) -> None:
    answer = await door.get("/rows", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["code"] in ("cursor_invalid", "validation_failed")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
async def test_a_cursor_at_the_end_of_time_is_no_defect(door: httpx.AsyncClient, moment: str) -> None:
    answer = await door.get("/rows", params={"cursor": encoded([moment, str(uuid4())])})
    assert answer.status_code in (200, 422)


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", ""])
async def test_the_number_of_rows_is_bounded(door: httpx.AsyncClient, limit: str) -> None:
    assert (await door.get("/rows", params={"limit": limit})).status_code == 422


async def test_an_empty_cursor_is_the_first_page(door: httpx.AsyncClient, listing) -> None:
    await listing.add(START)
    assert len((await door.get("/rows", params={"cursor": ""})).json()["items"]) == 1

"""How many requests a user may send is counted together by all replicas, and costs a request nothing."""

import asyncio
import time
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select

from chassis import limits
from chassis.app import create_app
from chassis.auth import Caller
from chassis.database import Database
from chassis.errors import DATABASE_UNAVAILABLE, RateLimited, Unavailable
from chassis.limits import Limits
from chassis.platform import Platform, ProjectedSource
from growfit_local.stand_ins import Signer

MINUTE = 29_000_000


class Clock(SimpleNamespace):
    """The middle of a minute, which a test moves on."""

    def time(self) -> float:
        return MINUTE * 60 + 30 + self.moved

    def monotonic(self) -> float:
        return 1_000 + self.moved


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock(moved=0.0)
    monkeypatch.setattr(limits, "time", found)
    return found


@pytest.fixture
def replica(store):
    return lambda: Limits(store.database, store.access.request_counts)


def count(replica: Limits, user_id: UUID, times: int, *, limit: int = 10) -> int:
    """How many of them were let through."""
    passed = 0
    for _ in range(times):
        try:
            replica.count(user_id, limit=limit)
            passed += 1
        except RateLimited:
            pass
    return passed


async def exchange(clock: Clock, *replicas: Limits, of: UUID | None = None) -> None:
    """A second passes, and each tells the others with its next request, and hears of whoever it told of."""
    clock.moved += limits.EXCHANGE_SECONDS + 0.1
    for replica in replicas:
        await replica.close()
        count(replica, of or uuid4(), 1)
        await replica.close()


async def test_as_many_as_the_limit_and_no_more(replica, clock) -> None:
    one, somebody = replica(), uuid4()
    assert count(one, somebody, 25) == 10
    assert count(one, uuid4(), 5) == 5, "nobody pays for another"
    with pytest.raises(RateLimited) as refused:
        one.count(somebody, limit=10)
    assert (refused.value.code, refused.value.headers) == ("too_many_requests", {"Retry-After": "30"})
    assert refused.value.values == {"limit": 10, "retry_after": 30}
    await one.close()


async def test_the_next_minute_is_a_new_one(replica, clock) -> None:
    one, somebody = replica(), uuid4()
    count(one, somebody, 20)
    clock.moved += 29
    assert count(one, somebody, 1) == 0
    clock.moved += 1
    assert count(one, somebody, 20) == 10
    await one.close()


async def test_replicas_count_together(replica, clock) -> None:
    one, two, somebody = replica(), replica(), uuid4()
    assert (count(one, somebody, 4), count(two, somebody, 3)) == (4, 3)
    await exchange(clock, one, two, of=somebody)
    # Nine, of which the first one heard before the other told its last.
    assert (count(one, somebody, 1), count(two, somebody, 5)) == (1, 1)
    await exchange(clock, one, two, of=somebody)
    assert (count(one, somebody, 5), count(two, somebody, 5)) == (0, 0)


async def test_a_replica_that_starts_hears_of_the_rest_with_its_first_request(replica, clock) -> None:
    one, somebody = replica(), uuid4()
    count(one, somebody, 10)
    await exchange(clock, one)
    late = replica()
    assert count(late, somebody, 1) == 1
    await late.close()
    assert count(late, somebody, 5) == 0


async def test_what_was_refused_counts_too(replica, clock) -> None:
    """So that whoever sends on in spite of the answer does not get in again by sending more."""
    one, two, somebody = replica(), replica(), uuid4()
    count(one, somebody, 1_000)
    await exchange(clock, one)
    count(two, somebody, 1)
    await two.close()
    assert count(two, somebody, 500, limit=900) == 0


async def test_a_higher_limit_acts_at_once(replica, clock) -> None:
    one, somebody = replica(), uuid4()
    assert count(one, somebody, 10, limit=5) == 5
    assert count(one, somebody, 10, limit=15) == 5
    await one.close()


async def test_old_minutes_are_forgotten(replica, clock, store) -> None:
    table = store.access.request_counts
    async with store.database.transaction() as session:
        rows = [{"user_id": uuid4(), "minute": MINUTE - ago, "requests": 1} for ago in (1, 2, 100)]
        await session.execute(insert(table), rows)
    one = replica()
    count(one, uuid4(), 1)
    await one.close()
    assert sorted(row.minute for row in await store.rows(select(table))) == [MINUTE - 1, MINUTE]


async def test_thousands_of_users_within_one_second(replica, clock, store) -> None:
    """More than one statement has room for."""
    one = replica()
    for _ in range(25_000):
        one.count(uuid4(), limit=10)
    await exchange(clock, one)
    assert len(await store.rows(select(store.access.request_counts.c.user_id))) == 25_001


async def test_many_replicas_at_once_lose_and_double_nothing(replica, clock, store) -> None:
    people, replicas = [uuid4() for _ in range(40)], [replica() for _ in range(6)]
    for _ in range(3):
        clock.moved += 1.1
        for each in replicas:
            for person in people:
                count(each, person, 1, limit=1_000)
        await asyncio.gather(*(each.close() for each in replicas))
    clock.moved += 1.1
    for each in replicas:
        count(each, people[0], 1, limit=1_000)
    await asyncio.gather(*(each.close() for each in replicas))
    table = store.access.request_counts
    rows = await store.rows(select(table.c.user_id, table.c.requests))
    assert {row.user_id: row.requests for row in rows} == {
        person: 3 * 6 + (6 if person is people[0] else 0) for person in people
    }


class Slow:
    """A database that answers when it is told to."""

    def __init__(self) -> None:
        self.entered, self.answers, self.fails = 0, asyncio.Event(), False

    @asynccontextmanager
    async def transaction(self) -> Any:
        self.entered += 1
        await self.answers.wait()
        raise Unavailable(DATABASE_UNAVAILABLE)
        yield


async def test_while_the_database_is_slow_one_exchange_waits_and_no_request_does(clock, store) -> None:
    slow = Slow()
    one, somebody = Limits(slow, store.access.request_counts), uuid4()
    for _ in range(20):
        clock.moved += 1.1
        count(one, somebody, 1, limit=100)
        await asyncio.sleep(0)
    assert slow.entered == 1
    slow.answers.set()
    await one.close()


async def test_without_a_database_each_counts_by_itself(clock, store, caplog) -> None:
    database = Database("postgresql+psycopg://x:x@127.0.0.1:1/x", store.plumbing, pool_size=1)
    one, somebody = Limits(database, store.access.request_counts), uuid4()
    assert count(one, somebody, 6) == 6
    await exchange(clock, one)
    assert "counted by this process alone" in caplog.text
    assert count(one, somebody, 6) == 4, "what could not be told is not forgotten"
    await exchange(clock, one)
    await database.close()


@pytest.fixture
async def doors(store, access_with):
    """`await doors(limits, …)`: the doors of a service's replicas, and a token to knock with."""
    router, signer, clients = APIRouter(), Signer(), []

    @router.get("/me")
    async def me(caller: Caller) -> UUID:
        return caller.user_id

    def open_(*counted: Any) -> tuple[list[httpx.AsyncClient], dict[str, str]]:
        for each in counted:
            platform = Platform(ProjectedSource(store.database, store.access.platform), refresh_seconds=0.1)
            access = access_with(verifier=signer.verifier, platform=platform, limits=each)
            app = create_app(
                service="t", title="t", routers=[router], access=access, wired=None, registry=CollectorRegistry()
            )
            clients.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door"))
        return clients, {"Authorization": f"Bearer {signer.token(uuid4())}"}

    yield open_
    for each in clients:
        await each.aclose()


async def _set(store, name: str, value: Any) -> None:
    async with store.database.transaction() as session:
        row = insert(store.access.platform.settings).values(name=name, value=value, version=1)
        await session.execute(row)


async def test_a_changed_limit_acts_without_a_restart(store, doors, replica, clock, eventually) -> None:
    counted = replica()
    (door,), headers = doors(counted)
    for _ in range(12):
        assert (await door.get("/me", headers=headers)).status_code == 200
    await _set(store, "api.requests_per_minute", 10)
    began = time.monotonic()
    answer = await eventually(lambda: door.get("/me", headers=headers), until=lambda found: found.status_code != 200)
    assert time.monotonic() - began < 2
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (429, "too_many_requests", 10)
    assert answer.headers["retry-after"] == "30"
    assert "10" in answer.json()["detail"]
    await counted.close()


async def test_the_doors_of_two_replicas_let_no_more_pass_together(store, doors, replica, clock) -> None:
    await _set(store, "api.requests_per_minute", 10)
    counted = [replica(), replica()]
    clients, headers = doors(*counted)
    statuses = []
    for number in range(30):
        clock.moved += 0.6
        statuses.append((await clients[number % 2].get("/me", headers=headers)).status_code)
        await asyncio.gather(*(each.close() for each in counted))
    passed = statuses.count(200)
    assert 10 <= passed <= 12, "a little more than the limit at most"
    assert set(statuses[15:]) == {429}


async def test_a_request_waits_for_no_count(store, doors, clock) -> None:
    slow = Slow()
    counted = Limits(slow, store.access.request_counts)
    (door,), headers = doors(counted)
    for _ in range(5):
        clock.moved += 1.1
        answer = await asyncio.wait_for(door.get("/me", headers=headers), timeout=2)
        assert answer.status_code == 200
        await asyncio.sleep(0)
    assert slow.entered == 1
    slow.answers.set()
    await counted.close()

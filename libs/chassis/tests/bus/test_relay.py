"""Every committed event reaches its stream, in order, whatever is killed in between."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from chassis import bus, outbox, relay
from chassis.relay import Outgoing, Publish, Relay


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same course of things with shorter pauses."""
    monkeypatch.setattr(relay, "MAX_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(bus, "PUBLISH_TIMEOUT_SECONDS", 0.5)


@pytest.fixture
def all_published(publisher, eventually) -> Callable[..., object]:
    async def wait(within: float = 10.0) -> int:
        return await eventually(publisher.unpublished, until=lambda count: count == 0, within=within)

    return wait


async def sent(nats_bus) -> list[UUID]:
    return [UUID(message.headers["Nats-Msg-Id"]) for message in await nats_bus.messages("INGEST")]


async def test_events_are_published_in_the_order_of_their_rows(
    relaying, publisher, publish, nats_bus, usage, all_published
):
    async with relaying(publish):
        expected = [(await publisher.add(usage()))[0] for _ in range(10)]
        expected += await publisher.add(*(usage() for _ in range(150)))  # more than one batch
        assert await all_published() == 0
    assert await sent(nats_bus) == expected


async def test_a_notification_wakes_the_relay(
    relaying, publisher, publish, usage, all_published, monkeypatch, eventually, postgres_server
):
    monkeypatch.setattr(relay, "POLL_SECONDS", 3600)
    # Once all is published, it looks once more and then waits.
    its_own = "usename = 'ingest' AND state = 'idle' AND query LIKE 'SELECT id, event_id%'"
    waiting = f"SELECT pid FROM pg_stat_activity WHERE {its_own}"
    async with relaying(publish):
        await publisher.add(usage())
        assert await all_published() == 0
        assert await eventually(lambda: asyncio.to_thread(postgres_server.execute, waiting))
        await publisher.add(usage())
        assert await all_published(within=30) == 0, "it waits for its poll"


async def test_a_slow_transaction_s_event_is_not_overtaken_for_ever(
    relaying, publisher, publish, nats_bus, usage, all_published
):
    """Its row has the lower number but becomes visible later; a cursor over the numbers would never see it."""
    async with relaying(publish):
        async with publisher.database.transaction() as slow:
            late = await outbox.add(slow, usage())
            [early] = await publisher.add(usage())
            assert await all_published() == 0
        assert await all_published() == 0
    assert await sent(nats_bus) == [early, late]


async def _killed_after_publishing(relaying, publisher, publish: Publish) -> None:
    """A relay that the stream has acknowledged but that dies before it could mark the row."""
    published = asyncio.Event()

    async def publish_and_hang(row: Outgoing) -> None:
        await publish(row)
        published.set()
        await asyncio.Event().wait()

    async with relaying(publish_and_hang):
        await asyncio.wait_for(published.wait(), 5)
    assert await publisher.unpublished() == 1


async def test_a_kill_between_publish_and_mark_leaves_one_message(
    relaying, publisher, publish, nats_bus, usage, all_published
):
    [event_id] = await publisher.add(usage())
    await _killed_after_publishing(relaying, publisher, publish)
    async with relaying(publish):
        assert await all_published() == 0
    assert await sent(nats_bus) == [event_id]


async def test_without_the_message_id_there_would_be_two(relaying, publisher, publish, nats_bus, usage, all_published):
    """The control: the kill above does send the event twice."""

    async def publish_anew(row: Outgoing) -> None:
        await publish(replace(row, event_id=uuid4()))

    await publisher.add(usage())
    await _killed_after_publishing(relaying, publisher, publish_anew)
    async with relaying(publish_anew):
        assert await all_published() == 0
    assert len(await sent(nats_bus)) == 2


async def test_a_refused_event_holds_back_the_later_ones(
    relaying, publisher, usage, eventually, impatient, all_published
):
    events, taken, refusals = await publisher.add(usage(), usage(), usage()), [], iter([True, True, False])

    async def publish(row: Outgoing) -> None:
        if row.event_id == events[1] and next(refusals):
            raise TimeoutError
        taken.append(row.event_id)

    async with relaying(publish):
        assert await all_published() == 0
    assert taken == events
    second = (await publisher.outbox())[1]
    assert (second.attempts, second.last_error) == (2, "TimeoutError()")


async def test_while_the_bus_is_down_the_rows_stay(
    broker_of, relaying, publisher, nats_bus, gate, usage, eventually, impatient, all_published
):
    await gate.open()
    async with broker_of(nats_bus.server, url=f"nats://127.0.0.1:{gate.port}") as publish, relaying(publish):
        first = await publisher.add(usage())
        assert await all_published() == 0
        await gate.shut()
        later = await publisher.add(*(usage() for _ in range(5)))

        async def tries() -> int:
            return max(row.attempts for row in await publisher.outbox())

        assert await eventually(tries, until=lambda count: count >= 2) >= 2
        assert await publisher.unpublished() == 5
        await gate.open()
        assert await all_published() == 0
    assert await sent(nats_bus) == first + later


async def test_a_killed_nats_server_loses_and_doubles_nothing(
    relaying, publisher, publish, nats_bus, usage, impatient, all_published
):
    async with relaying(publish):
        expected = []
        for kill in (False, True, False):
            expected += await publisher.add(*(usage() for _ in range(20)))
            if kill:
                nats_bus.server.kill()
            expected += await publisher.add(*(usage() for _ in range(20)))
        await asyncio.to_thread(nats_bus.server.wait_ready)
        assert await all_published(within=15) == 0
    assert await sent(nats_bus) == expected


async def test_a_killed_postgresql_is_survived(
    relaying, publisher, publish, nats_bus, postgres_server, usage, all_published
):
    async with relaying(publish) as running:
        before = await publisher.add(usage())
        assert await all_published() == 0
        await asyncio.to_thread(postgres_server.kill)
        await asyncio.to_thread(postgres_server.wait_ready)
        after = await publisher.add(usage())
        assert await all_published(within=15) == 0
        assert not running.done()
    assert await sent(nats_bus) == before + after


async def test_of_two_relays_one_publishes_and_the_other_takes_over(
    relaying, publisher, usage, monkeypatch, all_published
):
    monkeypatch.setattr(relay, "POLL_SECONDS", 0.1)
    takers: list[str] = []

    def taking(name: str) -> Publish:
        async def publish(_: Outgoing) -> None:
            takers.append(name)
            await asyncio.sleep(0.001)

        return publish

    async with AsyncExitStack() as leader, AsyncExitStack() as follower:
        await leader.enter_async_context(relaying(taking("leader")))
        await publisher.add(usage())
        assert await all_published() == 0
        await follower.enter_async_context(relaying(taking("follower")))
        await publisher.add(*(usage() for _ in range(50)))
        assert await all_published() == 0
        assert set(takers) == {"leader"}
        await leader.aclose()
        takers.clear()
        await publisher.add(usage())
        assert await all_published() == 0
        assert takers == ["follower"]


async def test_it_can_be_ended_while_its_database_is_gone(publisher, postgres_server, usage):
    """A failed mark must not take the place of the cancellation, or the service would never stop."""
    reached = asyncio.Event()
    its_own = "usename = 'ingest' AND query LIKE 'SELECT id, event_id%'"

    async def publish_one_and_hang(_: Outgoing) -> None:
        if reached.is_set():
            postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {its_own}")
            hanging.set()
            await asyncio.Event().wait()
        reached.set()

    hanging = asyncio.Event()
    await publisher.add(usage(), usage())
    running = asyncio.create_task(Relay(publisher.database.url, schema="ingest", publish=publish_one_and_hang).run())
    await asyncio.wait_for(hanging.wait(), 5)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=3)
    assert done
    assert await publisher.unpublished() == 2

"""The message door: it opens without the bus, says what it lacks, and goes on when that is back."""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from chassis import burial, inbox, provision
from chassis import worker as worker_module
from chassis.errors import DATABASE_UNAVAILABLE, Unavailable
from chassis.health import health_router
from chassis.relay import Relay

DURABLE = "usage_metrics-record_usage"


@pytest.fixture
def ready(eventually):
    async def wait(worker, within: float = 15.0) -> list[str]:
        return await eventually(worker.problems, until=lambda problems: not problems, within=within)

    return wait


@pytest.fixture
def handled(store, eventually):
    async def wait(count: int, within: float = 15.0) -> int:
        return len(await eventually(store.effects, until=lambda ids: len(ids) >= count, within=within))

    return wait


async def test_it_opens_while_the_bus_is_down_and_connects_later(
    start_worker, store, nats_bus, gate, usage, ready, handled
):
    await gate.open()
    await gate.shut()
    async with asyncio.timeout(30):  # the bus is not there: a start that waits for it never ends
        worker = await start_worker(record_usage=store.effect, nats_url=f"nats://127.0.0.1:{gate.port}", ready=False)
    app = FastAPI()
    app.include_router(health_router([worker.problems], CollectorRegistry()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as door:
        assert (await door.get("/health")).status_code == 200
        answer = await door.get("/ready")
        assert answer.status_code == 503
        assert answer.json() == {"status": "not_ready", "problems": ["the bus is not connected"]}
        await nats_bus.send(usage())
        await gate.open()
        assert await ready(worker) == []
        assert (await door.get("/ready")).json() == {"status": "ready", "problems": []}
    assert await handled(1) == 1


async def test_a_bus_that_goes_away_costs_nothing_and_is_found_again(
    start_worker, store, nats_bus, gate, usage, ready, handled, quick, eventually
):
    """The client's default gives up after two minutes, and then spins without ever answering again."""
    await gate.open()
    worker = await start_worker(record_usage=store.effect, nats_url=f"nats://127.0.0.1:{gate.port}")
    await gate.shut()
    problems = await eventually(worker.problems, until=bool)
    assert problems[0] == "the bus is not connected"
    spent, turns = time.process_time(), 0
    for _ in range(50):
        await asyncio.sleep(0.02)
        turns += 1
    assert turns == 50
    assert time.process_time() - spent < 0.5, "it spins while it waits"
    await nats_bus.send(usage())
    await gate.open()
    assert await ready(worker) == []
    assert await handled(1) == 1


async def test_a_killed_nats_server_is_survived(start_worker, store, nats_bus, usage, ready, handled, quick):
    worker = await start_worker(record_usage=store.effect)
    await nats_bus.send(usage())
    assert await handled(1) == 1
    nats_bus.server.kill()
    await asyncio.to_thread(nats_bus.server.wait_ready)
    for _ in range(5):
        await nats_bus.send(usage())
    assert await handled(6) == 6
    assert await ready(worker) == []


async def test_a_deleted_durable_is_named_and_its_restoration_noticed(
    start_worker, store, nats_bus, usage, ready, handled, quick, eventually
):
    worker = await start_worker(record_usage=store.effect)
    await nats_bus.send(usage())
    assert await handled(1) == 1
    await nats_bus.admin.delete_consumer("INGEST", DURABLE)
    problems = await eventually(worker.problems, until=bool)
    assert [problem for problem in problems if f"{DURABLE}@INGEST" in problem], problems
    await nats_bus.send(usage())
    await provision.apply(nats_bus.admin)
    assert await handled(2) == 2, "the message that came while nobody listened"
    assert await ready(worker) == []
    info = await eventually(
        lambda: nats_bus.admin.consumer_info("INGEST", DURABLE),
        until=lambda found: found.num_pending == found.num_ack_pending == 0,
    )
    assert (info.num_pending, info.num_ack_pending, info.delivered.consumer_seq) == (0, 0, 2)
    assert len(await store.effects()) == 2, "the restored durable delivers the first one again; the inbox knows it"


async def test_it_waits_for_streams_that_are_not_provisioned_yet(
    start_worker, store, nats_bus, usage, ready, handled, eventually
):
    await nats_bus.forget_streams()
    worker = await start_worker(record_usage=store.effect, ready=False)
    problems = await eventually(worker.problems, until=lambda found: len(found) > 1)
    assert "usage_metrics-record_usage@INGEST" in problems[1]
    await provision.apply(nats_bus.admin)
    assert await ready(worker) == []
    await nats_bus.send(usage())
    assert await handled(1) == 1


async def test_messages_that_nobody_takes_are_a_problem(
    start_worker, store, nats_bus, usage, tune, quick, monkeypatch, eventually
):
    """Somebody else holds all that may be out at once: connected, durable there, and still nothing moves."""
    monkeypatch.setattr(worker_module, "STALL_SECONDS", 0.5)
    await tune(max_ack_pending=1)
    for _ in range(2):
        await nats_bus.send(usage())
    jetstream = (await nats_bus.client("usage_metrics")).jetstream()
    other = await jetstream.pull_subscribe_bind(durable=DURABLE, stream="INGEST", inbox_prefix=b"_INBOX_usage_metrics.")
    [held] = await other.fetch(1)
    worker = await start_worker(record_usage=store.effect)
    problems = await eventually(worker.problems, until=bool)
    assert f"{DURABLE}: 1 waiting, none taken" in problems[0]
    await held.nak()
    assert await eventually(worker.problems, until=lambda found: not found) == []
    await other.unsubscribe()


async def test_handlers_that_hang_are_a_problem(
    start_worker, store, nats_bus, usage, tune, quick, monkeypatch, eventually
):
    """They hold all that may be out at once, and their in-progress acks keep it so: nothing else would tell."""
    monkeypatch.setattr(worker_module, "STALL_SECONDS", 0.3)
    await tune(max_ack_pending=2)
    let_go = asyncio.Event()

    async def hang(event, delivery) -> None:
        await let_go.wait()
        await store.effect(event, delivery)

    worker = await start_worker(record_usage=hang)
    for _ in range(3):
        await nats_bus.send(usage())
    durable = worker._durables["INGEST", DURABLE]
    assert len(await eventually(lambda: asyncio.sleep(0, durable.running), until=lambda found: len(found) == 2)) == 2
    await asyncio.sleep(0.6)
    assert await worker.problems() == [], "long, but not too long: the one that waits has to wait"
    monkeypatch.setattr(worker_module, "HANDLER_LIMIT_SECONDS", 0.5)
    problems = await eventually(worker.problems, until=bool)
    assert f"{DURABLE}: a handler has been running for" in problems[0]
    let_go.set()
    assert await eventually(worker.problems, until=lambda found: not found) == []
    assert len(await eventually(store.effects, until=lambda ids: len(ids) == 3)) == 3


async def test_burials_that_are_worked_on_are_no_problem(
    start_worker, store, nats_bus, usage, tune, quick, monkeypatch, eventually
):
    monkeypatch.setattr(worker_module, "STALL_SECONDS", 0.5)
    messages = 40
    await tune(max_deliver=1, ack_wait=1, max_ack_pending=messages)
    for _ in range(messages):
        await nats_bus.send(usage())
    jetstream = (await nats_bus.client("usage_metrics")).jetstream()
    dying = await jetstream.pull_subscribe_bind(durable=DURABLE, stream="INGEST", inbox_prefix=b"_INBOX_usage_metrics.")
    for _ in range(messages):
        await dying.fetch(1)
    await dying.unsubscribe()
    buried, seen = [], set()

    async def slowly(*_) -> None:
        await asyncio.sleep(0.4)
        buried.append(time.monotonic())

    monkeypatch.setattr(burial, "bury_exhausted", slowly)
    worker = await start_worker(record_usage=store.effect, ready=False)
    await eventually(worker.problems, until=lambda problems: not problems)

    async def all_buried() -> bool:
        seen.update(await worker.problems())
        return len(buried) == messages

    assert await eventually(all_buried), len(buried)
    assert buried[-1] - buried[0] > 1, "too quick to show anything"
    assert seen == set()


async def test_old_rows_go_soon_after_the_start_and_a_failure_is_told(
    start_worker, store, monkeypatch, eventually, caplog
):
    monkeypatch.setattr(worker_module, "FIRST_TIDY_SECONDS", 0.1)
    monkeypatch.setattr(worker_module, "TIDY_SECONDS", 0.1)
    forget, calls = inbox.forget_old, []

    async def forget_two(session) -> bool:
        calls.append(len(calls))
        if calls == [0]:
            raise Unavailable(DATABASE_UNAVAILABLE)
        return await forget(session, limit=2)

    monkeypatch.setattr(inbox, "forget_old", forget_two)
    table, then = store.plumbing.inbox, func.now() - timedelta(days=10)
    async with store.database.transaction() as session:
        for _ in range(5):
            await session.execute(table.insert().values(consumer=DURABLE, event_id=uuid4(), processed_at=then))
    await start_worker(record_usage=store.effect)
    assert await eventually(lambda: store.rows(select(table)), until=lambda rows: not rows) == []
    assert "old outbox and inbox rows were not all deleted" in caplog.text


async def test_an_old_unpublished_event_is_a_problem(start_worker, store, usage, monkeypatch, eventually):
    async def refused(*_) -> bool:
        await asyncio.sleep(0.05)
        return False

    monkeypatch.setattr(Relay, "publish_batch", refused)
    monkeypatch.setattr(worker_module, "OUTBOX_LIMIT_SECONDS", 0.1)
    worker = await start_worker(record_usage=store.effect)
    async with store.database.transaction() as session:
        table = store.plumbing.outbox
        await session.execute(table.insert().values(event_id=usage().usage_id, subject="x", payload={}))
    problems = await eventually(worker.problems, until=bool)
    assert "the oldest unpublished event is" in problems[0]


async def test_a_subscriber_is_named_in_the_contracts(start_worker, store) -> None:
    with pytest.raises(LookupError, match="usage_metrics-record_nothing"):
        await start_worker(record_nothing=store.effect)


async def test_stopping_lets_the_running_handler_finish_and_ends_every_loop(
    start_worker, store, nats_bus, usage, eventually
):
    entered, beats = asyncio.Event(), []

    async def handle(event, delivery) -> None:
        entered.set()
        await asyncio.sleep(0.5)
        await store.effect(event, delivery)
        entered.clear()

    async def beat() -> None:
        beats.append(len(beats))
        await asyncio.sleep(0.1)
        raise ZeroDivisionError

    worker = await start_worker(record_usage=handle, background=beat)
    await nats_bus.send(usage())
    assert len(await eventually(store.effects, until=lambda ids: len(ids) == 1)) == 1
    await eventually(lambda: asyncio.sleep(0, len(beats)), until=lambda count: count > 1)
    await eventually(lambda: asyncio.sleep(0, entered.is_set()), until=lambda running: not running)
    await nats_bus.send(usage())
    await asyncio.wait_for(entered.wait(), 10)
    await worker.stop()
    assert len(await store.effects()) == 2, "the one that was running"
    assert beats[:2] == [0, 1], "a loop that fails starts again"
    assert all(task.done() for task in worker._tasks)


async def test_what_it_opened_is_closed_after_the_last_handler(start_worker, store, nats_bus, usage) -> None:
    entered, order = asyncio.Event(), []

    async def open_() -> None:
        order.append("opened")

    async def close() -> None:
        order.append("closed")

    async def handle(event, delivery) -> None:
        entered.set()
        await asyncio.sleep(0.5)
        await store.effect(event, delivery)
        order.append("handled")

    worker = await start_worker(record_usage=handle, open_=[open_], close=[close])
    assert order == ["opened"]
    await nats_bus.send(usage())
    await asyncio.wait_for(entered.wait(), 5)
    await worker.stop()
    assert order == ["opened", "handled", "closed"]


async def test_a_door_that_never_reached_the_bus_can_be_closed(start_worker, store, gate) -> None:
    await gate.open()
    await gate.shut()
    worker = await start_worker(record_usage=store.effect, nats_url=f"nats://127.0.0.1:{gate.port}", ready=False)
    await asyncio.wait_for(worker.stop(), 30)


async def test_a_door_whose_bus_is_down_can_be_closed(start_worker, store, nats_bus, gate, quick, eventually) -> None:
    await gate.open()
    worker = await start_worker(record_usage=store.effect, nats_url=f"nats://127.0.0.1:{gate.port}")
    await gate.shut()
    assert await eventually(worker.problems)
    await asyncio.wait_for(worker.stop(), 30)
    assert worker.broker.connection.is_closed

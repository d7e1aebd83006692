"""What was given up is kept with its reason, also when the worker died of it, and can be driven again."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from chassis import dead_letters, operate, outbox
from chassis.clock import now
from chassis.errors import DATABASE_UNAVAILABLE, Message, NotFound, Unavailable
from chassis.fate import Attempt, Verdict
from contracts import rag
from contracts.envelope import encode, wrap

DURABLE = "usage_metrics-record_usage"
GONE = Message("user_gone", "사용자가 없습니다", "The user is gone")


@pytest.fixture
def burn(nats_bus):
    """Take a message and die of it, until its deliveries are used up. The server notices when somebody pulls again."""

    async def take(times: int) -> None:
        jetstream = (await nats_bus.client("usage_metrics")).jetstream()
        prefix = b"_INBOX_usage_metrics."
        pull = await jetstream.pull_subscribe_bind(durable=DURABLE, stream="INGEST", inbox_prefix=prefix)
        for _ in range(times):
            await pull.fetch(1, timeout=5)
        await pull.unsubscribe()

    return take


@pytest.fixture
def buried(store, eventually):
    async def wait(count: int = 1) -> list:
        return await eventually(store.letters, until=lambda letters: len(letters) >= count)

    return wait


@pytest.fixture
def advised(nats_bus, eventually):
    async def wait(count: int = 1) -> int:
        return await eventually(lambda: nats_bus.count("DEAD"), until=lambda seen: seen >= count)

    return wait


async def unreached(_event, _delivery) -> None:
    raise AssertionError("its deliveries are used up")


async def test_a_message_that_killed_the_worker_each_time_is_buried(
    start_worker, store, nats_bus, usage, tune, burn, buried
):
    await tune(max_deliver=2, ack_wait=1)
    event = await nats_bus.send(usage())
    await burn(2)
    told: list[tuple[UUID, str]] = []

    async def give_up(event, reason: str) -> None:
        told.append((event.id, reason))

    await start_worker(record_usage=unreached, give_up=give_up)
    [letter] = await buried()
    assert (letter.consumer, letter.stream, letter.stream_seq) == (DURABLE, "INGEST", 1)
    assert (letter.subject, letter.reason, letter.deliveries) == (event.type, "deliveries_exhausted", 2)
    assert told == [(event.id, "deliveries_exhausted")]
    assert letter.body.startswith('{"specversion"')


async def test_a_handled_message_whose_last_ack_was_lost_is_not_buried(
    start_worker, store, nats_bus, usage, tune, burn, advised, eventually
):
    await tune(max_deliver=1, ack_wait=1)
    event = await nats_bus.send(usage())
    mark = insert(store.plumbing.inbox).values(consumer=DURABLE, event_id=event.id)
    async with store.database.transaction() as session:
        await session.execute(mark)
    await burn(1)
    assert await advised() == 1
    await start_worker(record_usage=unreached)

    async def in_the_grave() -> tuple[int, int]:
        return await nats_bus.waiting("DEAD", "usage_metrics-bury_exhausted")

    assert await eventually(in_the_grave, until=lambda state: state == (0, 0)) == (0, 0)
    assert await store.letters() == []


async def test_a_burial_that_fails_on_the_last_delivery_is_made_up_for(
    start_worker, nats_bus, usage, tune, quick, buried, monkeypatch
):
    """The database may be away just then; JetStream's notice brings the message back until it lies."""
    await tune(max_deliver=1, ack_wait=1)
    failures, bury = iter([Unavailable(DATABASE_UNAVAILABLE), ZeroDivisionError()]), dead_letters.bury

    async def bury_later(session, **letter) -> bool:
        for failure in failures:
            raise failure
        return await bury(session, **letter)

    async def handle(_event, _delivery) -> None:
        raise NotFound(GONE)

    monkeypatch.setattr(dead_letters, "bury", bury_later)
    await start_worker(record_usage=handle)
    await nats_bus.send(usage())
    [letter] = await buried()
    assert (letter.stream, letter.stream_seq) == ("INGEST", 1)


async def bury(store, *, body: bytes, number: int = 7) -> bool:
    async with store.database.transaction() as session:
        return await dead_letters.bury(
            session,
            consumer=DURABLE,
            subject="ingest.usage.recorded.v1",
            body=body,
            attempt=Attempt("INGEST", number, 8, last=True),
            verdict=Verdict("defect", "ValueError('\x00')"),
        )


async def test_a_message_is_buried_once(store) -> None:
    assert await bury(store, body=b"one")
    assert not await bury(store, body=b"one")
    assert len(await store.letters()) == len(await store.outbox()) == 1


async def test_numbers_that_start_again_after_a_lost_stream_hide_nothing(store) -> None:
    assert await bury(store, body=b"before the loss")
    assert await bury(store, body=b"after the loss")
    assert len(await store.letters()) == 2


async def test_the_notice_is_bounded_and_the_letter_whole(store) -> None:
    body = b"\x00\x01\xff" * 300_000
    await bury(store, body=body)
    [letter], [row] = await store.letters(), await store.outbox()
    assert len(letter.body) == len(body)
    assert row.subject == "dead.ingest.usage.recorded.v1"
    assert len(row.payload["message"]) == dead_letters.NOTICE_CHARACTERS
    assert row.payload["letter_id"] == str(letter.id)


async def request_redrive(store, **which: UUID) -> int:
    async with store.database.transaction() as session:
        return await dead_letters.request_redrive(session, **which)


async def test_a_request_is_taken_up_once(store) -> None:
    """A letter that kills the worker must not be waiting for it again after the restart."""
    await bury(store, body=b"one", number=1)
    await bury(store, body=b"two", number=2)
    assert await request_redrive(store) == 2
    async with store.database.transaction() as first, store.database.transaction() as second:
        one, two = await dead_letters.take_requested(first), await dead_letters.take_requested(second)
    assert {one.body, two.body} == {b"one", b"two"}, "two replicas share the work"
    async with store.database.transaction() as session:
        assert await dead_letters.take_requested(session) is None
        assert await dead_letters.count_open(session) == 2


@pytest.fixture
def operator(store, monkeypatch):
    """The commands, as an operator gives them."""
    monkeypatch.setenv("DATABASE_URL", store.database.url)

    async def run(*arguments: str) -> tuple[int, str]:
        done = await asyncio.to_thread(CliRunner().invoke, operate.cli, arguments)
        return done.exit_code, done.output

    return run


async def test_a_redrive_resolves_a_letter_once_its_reason_is_gone(
    start_worker, store, nats_bus, usage, quick, buried, eventually, operator
):
    mended = False

    async def handle(event, delivery) -> None:
        if not mended:
            raise NotFound(GONE)
        await store.effect(event, delivery)

    await start_worker(record_usage=handle)
    event = await nats_bus.send(usage())
    [letter] = await buried()
    _, listed = await operator("letters", "usage_metrics")
    assert str(letter.id) in listed
    assert "user_gone" in listed
    assert listed.endswith("1 open\n")

    assert await operator("redrive", "usage_metrics", str(letter.id)) == (0, "1 will be handled again\n")
    [failed] = await eventually(store.letters, until=lambda letters: letters[0].redrive_requested_at is None)
    await asyncio.sleep(0.3)
    assert failed.resolved_at is None
    assert await store.effects() == []

    mended = True
    assert await operator("redrive", "usage_metrics") == (0, "1 will be handled again\n")
    assert await eventually(store.effects) == [event.id]
    [resolved] = await eventually(store.letters, until=lambda letters: letters[0].resolved_at is not None)
    assert resolved.resolved_at is not None
    assert (await operator("letters", "usage_metrics"))[1] == "0 open\n"
    assert await operator("redrive", "usage_metrics") == (0, "0 will be handled again\n")
    assert (await operator("redrive", "usage_metrics", str(uuid4())))[0] == 1


async def test_a_redrive_of_what_stands_already_resolves_the_letter(
    start_worker, store, nats_bus, usage, quick, buried, eventually
):
    async def handle(event, delivery) -> None:
        await store.effect(event, delivery)
        if (await store.letters()) == []:
            raise NotFound(GONE)

    await start_worker(record_usage=handle)
    await nats_bus.send(usage())
    await buried()
    await request_redrive(store)
    [letter] = await eventually(store.letters, until=lambda letters: letters[0].resolved_at is not None)
    assert letter.resolved_at is not None
    assert len(await store.effects()) == 1


async def test_a_forged_event_stays_refused_when_it_is_driven_again(
    start_worker, store, nats_bus, usage, buried, eventually, operator
):
    """Another publisher's event in the body: NATS let the subject through, and an operator takes all open letters."""
    forged = rag.UsageRecorded(**usage().model_dump())
    await start_worker(record_usage=unreached)
    body = encode(wrap(forged, event_id=uuid4(), time=now()))
    await nats_bus.send_raw("ingest.usage.recorded.v1", body)
    [letter] = await buried()
    assert letter.reason == "malformed"
    assert (await operator("redrive", "usage_metrics"))[0] == 0
    [still] = await eventually(store.letters, until=lambda letters: letters[0].redrive_requested_at is None)
    await asyncio.sleep(0.3)
    assert (still.reason, still.resolved_at) == ("malformed", None)
    told = [(each["action"], each.get("target"), each["outcome"], each["detail"]) for each in await store.audited()]
    assert told == [
        (
            "event.refused",
            f"durable/{DURABLE}",
            "refused",
            {"subject": "ingest.usage.recorded.v1", "reason": "malformed"},
        ),
        ("dead_letters.redriven", None, "succeeded", {"letters": 1}),
    ]


async def test_what_a_defect_buries_is_no_security_event(start_worker, store, nats_bus, usage, quick, buried):
    async def handle(_event, _delivery) -> None:
        raise NotFound(GONE)

    await start_worker(record_usage=handle)
    await nats_bus.send(usage())
    await buried()
    assert await store.audited() == []


async def test_a_failing_redrive_keeps_its_new_reason(start_worker, store, quick, eventually) -> None:
    await bury(store, body=b"not json")
    await request_redrive(store)
    await start_worker(record_usage=unreached)
    [letter] = await eventually(store.letters, until=lambda letters: "_Head" in letters[0].error)
    assert "validation error for _Head" in letter.error
    assert (letter.reason, letter.resolved_at) == ("malformed", None)


async def test_republishing_after_a_lost_store_doubles_no_effect(store, publisher, operator, monkeypatch) -> None:
    """The command; the whole course with a lost store is in test_recovery."""
    monkeypatch.setenv("DATABASE_URL", publisher.database.url)
    async with publisher.database.transaction() as session:
        assert await outbox.oldest_unpublished_seconds(session) == 0
    assert await operator("republish", "ingest", "--hours", "24") == (0, "0 events will be published again\n")

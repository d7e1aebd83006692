"""What becomes of a message is decided by the kind of its error; nothing else."""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from itertools import pairwise
from uuid import uuid4

import pytest

from chassis import fate, worker
from chassis.delivery import Delivery
from chassis.errors import KINDS, Conflict, Message, NotFound, Unavailable
from chassis.fate import MAX_TRIES_OF_DEFECT
from contracts.envelope import encode, wrap
from contracts.org_partner import OrgCreated

DURABLE = "usage_metrics-record_usage"
FINAL = [kind for kind in KINDS if kind is not Unavailable]


def an_error(kind=NotFound):
    return kind(Message(f"no_{kind.__name__.lower()}", "안 됩니다", "It cannot be done"))


@pytest.fixture
def settled(nats_bus, eventually):
    """Everything in the stream was delivered and acknowledged."""

    async def wait() -> tuple[int, int]:
        return await eventually(lambda: nats_bus.waiting("INGEST", DURABLE), until=lambda state: state == (0, 0))

    return wait


@pytest.fixture
def buried(store, eventually):
    async def wait(count: int = 1) -> list:
        return await eventually(store.letters, until=lambda letters: len(letters) >= count)

    return wait


async def test_a_handled_message_is_acknowledged_and_not_buried(
    start_worker, store, nats_bus, usage, settled, eventually
):
    await start_worker(record_usage=store.effect)
    sent = [await nats_bus.send(usage()) for _ in range(3)]
    assert len(await eventually(store.effects, until=lambda ids: len(ids) == 3)) == 3
    assert sorted(await store.effects()) == sorted(event.id for event in sent)
    assert await settled() == (0, 0)
    assert await store.letters() == []


async def test_a_message_that_comes_again_is_acknowledged_without_a_second_effect(
    start_worker, store, nats_bus, usage, settled, eventually
):
    seen: list[int] = []

    async def handle(event, delivery: Delivery) -> None:
        seen.append(delivery.attempt)
        await store.effect(event, delivery)

    await start_worker(record_usage=handle)
    event_id = uuid4()
    for _ in range(3):
        await nats_bus.send(usage(), event_id=event_id)
    assert len(await eventually(lambda: asyncio.sleep(0, seen), until=lambda got: len(got) == 3)) == 3
    assert await settled() == (0, 0)
    assert await store.effects() == [event_id]
    assert await store.letters() == []


async def test_unavailable_is_tried_again_after_a_pause(
    start_worker, store, nats_bus, usage, settled, eventually, monkeypatch
):
    monkeypatch.setattr(fate, "_pause", lambda _: 0.4)
    tries: list[tuple[int, float]] = []

    async def handle(event, delivery: Delivery) -> None:
        tries.append((delivery.attempt, time.monotonic()))
        if delivery.attempt < 3:
            raise an_error(Unavailable)
        await store.effect(event, delivery)

    await start_worker(record_usage=handle)
    event = await nats_bus.send(usage())
    assert await eventually(store.effects) == [event.id]
    assert [number for number, _ in tries] == [1, 2, 3]
    pauses = [later - earlier for (_, earlier), (_, later) in pairwise(tries)]
    assert all(0.35 < pause < 3 for pause in pauses), pauses
    assert await settled() == (0, 0)
    assert await store.letters() == []


def test_the_pauses_grow_and_are_spread() -> None:
    for attempt, seconds in ((1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)):
        pauses = {fate._pause(attempt) for _ in range(200)}
        assert seconds * 0.8 <= min(pauses) < max(pauses) <= seconds * 1.2
        assert len(pauses) > 100


async def test_an_error_that_trying_again_cannot_help_is_buried_at_once(
    start_worker, store, nats_bus, usage, settled, buried, eventually
):
    """One message per kind: dead letter, notice on the bus, acknowledgement; tried once."""
    kinds = {kind.__name__.lower(): kind for kind in FINAL}
    tries: list[str] = []

    async def handle(event, _: Delivery) -> None:
        tries.append(event.data.reference)
        raise an_error(kinds[event.data.reference])

    await start_worker(record_usage=handle)
    sent = {kind: await nats_bus.send(usage(reference=kind)) for kind in kinds}
    letters = await buried(len(kinds))
    assert {letter.reason for letter in letters} == {f"no_{kind}" for kind in kinds}
    assert {letter.body for letter in letters} == {encode(event).decode() for event in sent.values()}
    assert all((letter.deliveries, letter.resolved_at) == (1, None) for letter in letters)
    assert await settled() == (0, 0)
    assert sorted(tries) == sorted(kinds)

    async def dead() -> int:
        return await nats_bus.count("DEAD")

    assert await eventually(dead, until=lambda count: count == len(kinds)) == len(kinds)
    for message in await nats_bus.messages("DEAD"):
        assert message.subject == "dead.ingest.usage.recorded.v1"
        assert json.loads(message.data)["consumer"] == DURABLE
        assert json.loads(json.loads(message.data)["message"])["type"] == "ingest.usage.recorded.v1"


async def test_a_malformed_message_is_buried_whatever_its_headers_say(
    start_worker, store, nats_bus, usage, settled, buried
):
    handled: list[str] = []

    async def handle(event, _: Delivery) -> None:
        handled.append(event.type)

    facts = OrgCreated(org_id=uuid4(), name="위조", version=1, created_at=usage().occurred_at)
    forged = encode(wrap(facts, event_id=uuid4(), time=usage().occurred_at))
    unknown = encode(await nats_bus.send(usage())).replace(b"recorded.v1", b"recorded.v9")
    bodies = [
        (b"", {}),
        (b"0", {}),
        (b"not json", {}),
        (b"not json", {"content-type": "application/json"}),
        (b"\xff\xfe\x00", {"content-type": "text/plain"}),
        (b'{"type": "ingest.usage.recorded.v1"}', {"content-type": "application/cloudevents+json"}),
        (unknown, {}),
        (forged, {}),
        (b"x" * 900_000, {}),
    ]
    await start_worker(record_usage=handle)
    for body, headers in bodies:
        await nats_bus.send_raw("ingest.usage.recorded.v1", body, headers)
    letters = await buried(len(bodies))
    assert [(letter.reason, letter.deliveries) for letter in letters] == [("malformed", 1)] * len(bodies)
    assert max(len(letter.body) for letter in letters) == 900_000
    assert await settled() == (0, 0)
    assert handled == ["ingest.usage.recorded.v1"], "the one good event among them"


async def test_every_dead_letter_fits_on_the_bus(start_worker, store, nats_bus, buried, eventually):
    """A notice that the bus refuses would hold up the whole outbox."""

    await start_worker(record_usage=store.effect)
    await nats_bus.send_raw("ingest.usage.recorded.v1", b"\x01" * 1_000_000)
    await buried()
    assert await eventually(store.unpublished, until=lambda count: count == 0) == 0
    assert await nats_bus.count("DEAD") == 1


async def test_no_message_makes_a_service_publish_in_its_own_name(start_worker, nats_bus, usage, settled):
    async def handle(_event, _delivery) -> None:
        return

    await start_worker(record_usage=handle)
    event = wrap(usage(), event_id=uuid4(), time=usage().occurred_at)
    stolen = "usage_metrics.budget.exceeded.v1"
    await nats_bus.send_raw(event.type, encode(event), {"reply_to": stolen})
    assert await settled() == (0, 0)
    await asyncio.sleep(0.2)
    assert await nats_bus.count("USAGE_METRICS") == 0


async def test_a_defect_is_tried_a_few_times_and_then_buried(start_worker, nats_bus, usage, settled, buried, quick):
    tries: list[int] = []

    async def handle(_event, delivery: Delivery) -> None:
        tries.append(delivery.attempt)
        raise ZeroDivisionError("a \x00 defect \ud800")

    await start_worker(record_usage=handle)
    await nats_bus.send(usage())
    [letter] = await buried()
    assert tries == list(range(1, MAX_TRIES_OF_DEFECT + 1))
    assert (letter.reason, letter.deliveries) == ("defect", MAX_TRIES_OF_DEFECT)
    assert "ZeroDivisionError" in letter.error
    assert await settled() == (0, 0)


async def test_a_handler_longer_than_its_ack_wait_is_called_once(start_worker, store, nats_bus, usage, tune, settled):
    await tune(ack_wait=1)
    called: list[int] = []

    async def handle(event, delivery: Delivery) -> None:
        called.append(delivery.attempt)
        await asyncio.sleep(2.5)
        await store.effect(event, delivery)

    await start_worker(record_usage=handle)
    await nats_bus.send(usage())
    assert await settled() == (0, 0)
    assert called == [1]
    assert len(await store.effects()) == 1


async def test_without_the_heartbeat_it_would_be_called_again(
    start_worker, nats_bus, usage, tune, monkeypatch, settled
):
    """The control for the test above."""

    @asynccontextmanager
    async def mute(*_):
        yield

    monkeypatch.setattr(fate, "_kept_alive", mute)
    await tune(ack_wait=1)
    called: list[int] = []

    async def handle(_event, delivery: Delivery) -> None:
        called.append(delivery.attempt)
        await asyncio.sleep(1.5)

    await start_worker(record_usage=handle)
    await nats_bus.send(usage())
    assert await settled() == (0, 0)
    assert len(called) > 1


async def test_no_more_messages_run_at_once_than_the_durable_allows(start_worker, nats_bus, usage, tune, settled):
    await tune(max_ack_pending=2, ack_wait=1)
    running, most, attempts = 0, 0, []

    async def handle(_event, delivery: Delivery) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        attempts.append(delivery.attempt)
        await asyncio.sleep(0.4)
        running -= 1

    await start_worker(record_usage=handle)
    for _ in range(8):
        await nats_bus.send(usage())
    assert await settled() == (0, 0)
    assert most == 2
    assert attempts == [1] * 8, "a message that waited its turn was delivered again"


async def test_giving_up_is_told_to_the_owner_with_the_reason(start_worker, nats_bus, usage, buried):
    told: list[tuple] = []

    async def handle(_event, _delivery) -> None:
        raise an_error(Conflict)

    async def give_up(event, reason: str) -> None:
        told.append((event.id, reason))

    await start_worker(record_usage=handle, give_up=give_up)
    event = await nats_bus.send(usage())
    await buried()
    assert told == [(event.id, "no_conflict")]


@pytest.mark.parametrize("failure", [NotFound, Unavailable, ZeroDivisionError])
async def test_an_owner_that_cannot_be_told_does_not_prevent_the_burial(
    start_worker, nats_bus, usage, buried, quick, settled, failure
):
    """A passing failure is waited for; any other one is logged, and the letter is written all the same."""
    told: list[float] = []

    async def handle(_event, _delivery) -> None:
        raise an_error(Conflict)

    async def give_up(_event, _reason: str) -> None:
        told.append(time.monotonic())
        if len(told) < 3:
            raise an_error(failure) if failure is not ZeroDivisionError else ZeroDivisionError

    await start_worker(record_usage=handle, give_up=give_up)
    await nats_bus.send(usage())
    assert [letter.reason for letter in await buried()] == ["no_conflict"]
    assert len(told) == (3 if failure is Unavailable else 1)
    assert all(later - earlier > 0.15 for earlier, later in pairwise(told)), "it burns its deliveries without a pause"
    assert await settled() == (0, 0)


async def test_a_failure_of_the_chassis_itself_loses_nothing(
    start_worker, store, nats_bus, usage, settled, eventually, monkeypatch
):
    failures = iter([ZeroDivisionError()])

    async def failing(*arguments):
        for failure in failures:
            raise failure
        return await fate.handle(*arguments)

    monkeypatch.setattr(worker, "handle", failing)
    await start_worker(record_usage=store.effect)
    event = await nats_bus.send(usage())
    assert await eventually(store.effects) == [event.id]
    assert await settled() == (0, 0)

"""The whole way, from the publisher's transaction to the consumer's effect, through the loss of a server's store."""

from datetime import timedelta
from functools import partial

import pytest

from chassis import outbox, provision
from chassis.clock import now


@pytest.fixture
def after_a_lost_store(publisher, store, nats_bus, usage, relayed, start_worker, eventually):
    """Ten events have their effect; then the bus loses everything; they are published again, and ten more."""

    async def run(handler) -> int:
        async def effects(count: int) -> int:
            return len(await eventually(store.effects, until=lambda seen: len(seen) >= count))

        worker = await start_worker(record_usage=handler)
        await publisher.add(*(usage() for _ in range(10)))
        assert await effects(10) == 10
        await nats_bus.forget_streams()
        problems = await eventually(worker.problems, until=lambda found: len(found) >= 3)
        assert any("usage_metrics-record_usage@INGEST" in problem for problem in problems), problems
        await provision.apply(nats_bus.admin)
        async with publisher.database.transaction() as session:
            assert await outbox.republish(session, since=now() - timedelta(hours=1)) == 10
        await publisher.add(*(usage() for _ in range(10)))
        await effects(20)

        async def waiting() -> tuple[int, int]:
            return await nats_bus.waiting("INGEST", "usage_metrics-record_usage")

        assert await eventually(waiting, until=lambda state: state == (0, 0)) == (0, 0)
        assert await nats_bus.count("INGEST") == 20
        assert await eventually(worker.problems, until=lambda found: not found) == []
        return len(await store.effects())

    return run


async def test_no_effect_is_lost_or_doubled(after_a_lost_store, store, quick) -> None:
    assert await after_a_lost_store(store.effect) == 20


async def test_without_the_inbox_effects_are_doubled(after_a_lost_store, store, quick) -> None:
    """The control: the events do come again."""
    assert await after_a_lost_store(partial(store.effect, marked=False)) == 30

"""The same event, delivered again, late or at the same time, has its effect once."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, insert

from chassis import inbox
from chassis.delivery import AlreadyHandled, Delivery
from contracts.envelope import wrap

CONSUMER = "usage_metrics-record_usage"


@pytest.fixture
def event(usage):
    facts = usage()
    return wrap(facts, event_id=uuid4(), time=facts.occurred_at)


def delivery_of(event, consumer: str = CONSUMER) -> Delivery:
    return Delivery(consumer, event.id)


async def test_twice_one_after_the_other(store, event) -> None:
    await store.effect(event, delivery_of(event))
    with pytest.raises(AlreadyHandled):
        await store.effect(event, delivery_of(event))
    assert await store.effects() == [event.id]


async def test_ten_at_the_same_time(store, event) -> None:
    tries = [store.effect(event, delivery_of(event)) for _ in range(10)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert ended.count(None) == 1
    assert sum(isinstance(each, AlreadyHandled) for each in ended) == 9
    assert await store.effects() == [event.id]


async def test_without_the_mark_it_happens_twice(store, event) -> None:
    """The control: the checker above sees a doubled effect where there is one."""
    for _ in range(2):
        await store.effect(event, delivery_of(event), marked=False)
    assert await store.effects() == [event.id, event.id]


async def test_a_mark_without_its_effect_does_not_stay(store, event) -> None:
    with pytest.raises(RuntimeError):
        async with store.database.transaction(once=delivery_of(event)):
            raise RuntimeError
    await store.effect(event, delivery_of(event))
    assert await store.effects() == [event.id]


async def test_each_consumer_has_its_own_mark(store, event) -> None:
    await store.effect(event, delivery_of(event))
    await store.effect(event, delivery_of(event, "usage_metrics-other"))
    assert await store.effects() == [event.id, event.id]


async def test_whether_an_effect_stands(store, event) -> None:
    async with store.database.transaction() as session:
        assert not await inbox.is_marked(session, delivery_of(event))
    await store.effect(event, delivery_of(event))
    async with store.database.transaction() as session:
        assert await inbox.is_marked(session, delivery_of(event))
        assert not await inbox.is_marked(session, delivery_of(event, "usage_metrics-other"))


async def test_marks_are_kept_longer_than_anything_can_send_again(store) -> None:
    table = store.plumbing.inbox
    async with store.database.transaction() as session:
        for days in (8, 10):
            row = {"consumer": CONSUMER, "event_id": uuid4(), "processed_at": func.now() - timedelta(days=days)}
            await session.execute(insert(table).values(**row))
        await inbox.forget_old(session)
        left = (await session.execute(table.select())).all()
    assert len(left) == 1


async def test_old_marks_are_forgotten_a_bounded_number_at_a_time(store) -> None:
    table = store.plumbing.inbox
    old = func.now() - timedelta(days=10)
    async with store.database.transaction() as session:
        for consumer in (CONSUMER, CONSUMER, "usage_metrics-other"):
            await session.execute(insert(table).values(consumer=consumer, event_id=uuid4(), processed_at=old))
    more, left = [], []
    for _ in range(2):
        async with store.database.transaction() as session:
            more.append(await inbox.forget_old(session, limit=2))
            left.append(len((await session.execute(table.select())).all()))
    assert (more, left) == ([True, False], [1, 0])

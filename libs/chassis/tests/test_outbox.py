"""An event is written with the change it tells of, or not at all."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError

from chassis import outbox
from contracts.envelope import decode
from contracts.identity import UserAnonymised


class Boom(Exception):
    pass


async def test_a_rollback_leaves_nothing(publisher, usage) -> None:
    async def broken_off() -> None:
        async with publisher.database.transaction() as session:
            await outbox.add(session, usage())
            raise Boom

    with pytest.raises(Boom):
        await broken_off()
    assert await publisher.outbox() == []


async def test_a_commit_leaves_the_whole_envelope(publisher, usage) -> None:
    event = usage()
    [event_id] = await publisher.add(event)
    [row] = await publisher.outbox()
    envelope = decode(json.dumps(row.payload).encode())
    assert (row.event_id, row.subject, row.published_at) == (event_id, event.type, None)
    assert (envelope.id, envelope.data) == (event_id, event)


async def test_a_repeated_event_id_is_refused(publisher, usage) -> None:
    [event_id] = await publisher.add(usage())
    with pytest.raises(IntegrityError):
        async with publisher.database.transaction() as session:
            await outbox.add(session, usage(), event_id=event_id)
    assert len(await publisher.outbox()) == 1


async def test_what_the_bus_would_refuse_for_ever_is_refused_at_the_desk(publisher, usage) -> None:
    """Such a row would hold up every event behind it."""
    foreign = UserAnonymised(user_id=usage().usage_id, version=1, anonymised_at=datetime.now(UTC))
    with pytest.raises(ValueError, match="is not published by ingest"):
        await publisher.add(foreign)
    with pytest.raises(ValueError, match="never a text"):
        await publisher.add(usage(reference="가" * outbox.MAX_BODY_BYTES))
    assert await publisher.outbox() == []


async def test_many_at_once_keep_their_order_over_several_statements(publisher, usage, monkeypatch) -> None:
    monkeypatch.setattr(outbox, "ADD_BATCH", 2)
    events = [usage(reference=f"{number}") for number in range(5)]
    async with publisher.database.transaction() as session:
        await outbox.add_many(session, events)
        await outbox.add_many(session, [])
    rows = await publisher.outbox()
    assert [decode(json.dumps(row.payload).encode()).data for row in rows] == events
    assert len({row.event_id for row in rows}) == 5


async def test_of_many_with_one_that_the_bus_would_refuse_none_is_written(publisher, usage) -> None:
    async def add_all() -> None:
        async with publisher.database.transaction() as session:
            await outbox.add_many(session, [usage(), usage(reference="가" * outbox.MAX_BODY_BYTES)])

    with pytest.raises(ValueError, match="never a text"):
        await add_all()
    assert await publisher.outbox() == []


async def _age(publisher, *, days: float, published: bool) -> None:
    """Make all rows as old as that."""
    table = publisher.plumbing.outbox
    then = func.now() - timedelta(days=days)
    async with publisher.database.transaction() as session:
        await session.execute(update(table).values(created_at=then, published_at=then if published else None))


async def test_only_old_published_rows_are_forgotten(publisher, usage) -> None:
    await publisher.add(usage())
    await _age(publisher, days=8, published=True)
    forgotten = {row.event_id for row in await publisher.outbox()}
    [waiting] = await publisher.add(usage())
    table = publisher.plumbing.outbox
    async with publisher.database.transaction() as session:
        old = update(table).where(table.c.event_id == waiting)
        await session.execute(old.values(created_at=func.now() - timedelta(days=30)))
    [fresh] = await publisher.add(usage())
    async with publisher.database.transaction() as session:
        young = update(table).where(table.c.event_id == fresh)
        await session.execute(young.values(published_at=func.now() - timedelta(days=6)))
        await outbox.forget_old(session)
    kept = {row.event_id for row in await publisher.outbox()}
    assert kept == {waiting, fresh}
    assert not kept & forgotten


async def test_old_rows_are_forgotten_a_bounded_number_at_a_time(publisher, usage) -> None:
    await publisher.add(usage(), usage(), usage())
    await _age(publisher, days=8, published=True)
    more, left = [], []
    for _ in range(2):
        async with publisher.database.transaction() as session:
            more.append(await outbox.forget_old(session, limit=2))
        left.append(len(await publisher.outbox()))
    assert (more, left) == ([True, False], [1, 0])


async def test_republish_takes_up_what_was_written_since_then(publisher, usage) -> None:
    await publisher.add(usage())
    await _age(publisher, days=2, published=True)
    recent = await publisher.add(usage(), usage())
    table = publisher.plumbing.outbox
    async with publisher.database.transaction() as session:
        await session.execute(update(table).values(published_at=func.now()))
        assert await outbox.republish(session, since=datetime.now(UTC) - timedelta(days=1)) == 2
    assert [row.event_id for row in await publisher.outbox() if row.published_at is None] == recent


async def test_the_age_of_the_oldest_unpublished_event(publisher, usage) -> None:
    async def age() -> float:
        async with publisher.database.transaction() as session:
            return await outbox.oldest_unpublished_seconds(session)

    assert await age() == 0
    await publisher.add(usage())
    await _age(publisher, days=1 / 24, published=False)
    await publisher.add(usage())
    assert 3600 <= await age() < 3660
    await _age(publisher, days=1 / 24, published=True)
    assert await age() == 0

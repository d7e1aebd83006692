"""Opening and closing by hand and by the calendar. Time is moved by moving what was planned, never by waiting."""

import asyncio
from datetime import timedelta

import pytest

from chassis.clock import now
from chassis.errors import Conflict, Invalid
from contracts.org_partner import ClassClosed, ClassConfigured, ClassOpened

DAY = timedelta(days=1)


async def kinds(sql, group) -> list[type]:
    return [type(event) for event in await sql.events(class_id=group.class_id)]


async def come_to_pass(sql, group, column: str) -> None:
    """The planned moment has just passed."""
    query = f"UPDATE partner.classes SET {column} = now() - interval '1 second' WHERE class_id = %s"
    await sql.rows(query, group.class_id)


async def state(world, school) -> str:
    group, _ = await world.wired.classes.get(school.owner.caller, school.group.class_id)
    return group.state


async def test_a_class_begins_when_its_time_comes_and_not_before(world, school, sql) -> None:
    made = await world.another_class(school, opens_at=now() + DAY)
    await world.wired.periods.tick()
    assert (await state(world, made), await kinds(sql, made.group)) == ("scheduled", [])

    await come_to_pass(sql, made.group, "opens_at")
    await world.wired.periods.tick()

    assert (await state(world, made), await kinds(sql, made.group)) == ("open", [ClassOpened, ClassConfigured])


async def test_a_class_ends_when_its_time_comes(world, school, sql) -> None:
    made = await world.another_class(school, closes_at=now() + DAY)
    await come_to_pass(sql, made.group, "closes_at")

    await world.wired.periods.tick()

    assert (await state(world, made), (await kinds(sql, made.group))[-1]) == ("closed", ClassClosed)


async def test_many_replicas_do_it_once(world, sql) -> None:
    school = await world.school()
    begins = [await world.another_class(school, opens_at=now() + DAY) for _ in range(5)]
    ends = [await world.another_class(school, closes_at=now() + DAY) for _ in range(5)]
    for each in begins:
        await come_to_pass(sql, each.group, "opens_at")
    for each in ends:
        await come_to_pass(sql, each.group, "closes_at")

    await asyncio.gather(*(world.wired.periods.tick() for _ in range(8)))
    while await world.wired.periods.tick():
        pass

    for each in begins:
        assert await kinds(sql, each.group) == [ClassOpened, ClassConfigured]
    for each in ends:
        assert await kinds(sql, each.group) == [ClassOpened, ClassConfigured, ClassClosed]


async def test_more_than_a_batch_is_done_in_several_steps(world, school, sql, monkeypatch) -> None:
    monkeypatch.setattr("org_partner.service.periods._BATCH", 2)
    made = [await world.another_class(school, closes_at=now() + DAY) for _ in range(5)]
    for each in made:
        await come_to_pass(sql, each.group, "closes_at")

    steps = 0
    while await world.wired.periods.tick():
        steps += 1

    assert steps == 3
    assert {await state(world, each) for each in made} == {"closed"}


async def test_a_period_that_passed_unseen_is_only_closed(world, school, sql) -> None:
    made = await world.another_class(school, opens_at=now() + DAY, closes_at=now() + 2 * DAY)
    query = "UPDATE partner.classes SET opens_at = now() - interval '2 s', closes_at = now() WHERE class_id = %s"
    await sql.rows(query, made.group.class_id)

    await world.wired.periods.tick()

    assert (await state(world, made), await kinds(sql, made.group)) == ("closed", [ClassClosed])


async def test_the_calendar_leaves_drafts_alone(world, school, sql) -> None:
    made = await world.another_class(school, status="draft", opens_at=now() + DAY, closes_at=now() + 2 * DAY)
    await come_to_pass(sql, made.group, "opens_at")

    await world.wired.periods.tick()

    assert (await state(world, made), await kinds(sql, made.group)) == ("draft", [])


async def test_a_draft_with_a_later_beginning_is_published_and_waits(world, school, sql) -> None:
    made = await world.another_class(school, status="draft", opens_at=now() + DAY)
    for _ in range(2):
        opened = await world.wired.periods.open(school.owner.caller, made.group.class_id)
        assert opened.state == "scheduled"
    assert await kinds(sql, made.group) == []

    begun = await world.wired.classes.change(school.owner.caller, made.group.class_id, opens_at=None)

    assert (begun.state, await kinds(sql, made.group)) == ("open", [ClassOpened, ClassConfigured])


async def test_a_draft_whose_period_is_over_is_not_opened(world, school, sql) -> None:
    made = await world.another_class(school, status="draft", closes_at=now() + DAY)
    await come_to_pass(sql, made.group, "closes_at")

    with pytest.raises(Invalid) as caught:
        await world.wired.periods.open(school.owner.caller, made.group.class_id)
    assert caught.value.code == "period_invalid"


async def test_each_step_again_changes_nothing(world, school, sql) -> None:
    made = await world.another_class(school, status="draft")
    place, periods = (school.owner.caller, made.group.class_id), world.wired.periods

    steps = (periods.open, periods.open, periods.close, periods.close, periods.reopen, periods.reopen)
    versions = [(await step(*place)).version for step in steps]

    assert versions[0] == versions[1] < versions[2] == versions[3] < versions[4] == versions[5]
    expected = [ClassOpened, ClassConfigured, ClassClosed, ClassOpened, ClassConfigured]
    assert await kinds(sql, made.group) == expected


async def test_ten_closings_at_once_are_one(world, school, sql) -> None:
    made = await world.another_class(school)

    await asyncio.gather(*(world.wired.periods.close(school.owner.caller, made.group.class_id) for _ in range(10)))

    assert (await kinds(sql, made.group)).count(ClassClosed) == 1


async def test_steps_that_a_class_is_not_ready_for(world, school) -> None:
    draft = await world.another_class(school, status="draft")
    closed = await world.another_class(school)
    periods, teacher = world.wired.periods, school.owner.caller
    await periods.close(teacher, closed.group.class_id)

    for step, group, code in (
        (periods.close, draft.group, "class_is_draft"),
        (periods.reopen, draft.group, "class_is_draft"),
        (periods.open, closed.group, "class_is_closed"),
    ):
        with pytest.raises(Conflict) as caught:
            await step(teacher, group.class_id)
        assert caught.value.code == code


async def test_reopening_takes_an_end_that_has_passed_away_and_keeps_one_to_come(world, school, sql) -> None:
    later = now() + 9 * DAY
    passed = await world.another_class(school, closes_at=now() + DAY)
    coming = await world.another_class(school, closes_at=later)
    periods, teacher = world.wired.periods, school.owner.caller
    await come_to_pass(sql, passed.group, "closes_at")
    await periods.tick()
    await periods.close(teacher, coming.group.class_id)

    assert (await periods.reopen(teacher, passed.group.class_id)).closes_at is None
    assert (await periods.reopen(teacher, coming.group.class_id)).closes_at == later
    assert await state(world, passed) == "open"
    await periods.tick()
    assert await state(world, passed) == "open"


async def test_reopening_until_a_new_end(world, school) -> None:
    made, later = await world.another_class(school), now() + DAY
    place = (school.owner.caller, made.group.class_id)
    await world.wired.periods.close(*place)

    with pytest.raises(Invalid):
        await world.wired.periods.reopen(*place, closes_at=now() - DAY)
    reopened = await world.wired.periods.reopen(*place, closes_at=later)

    assert (reopened.state, reopened.closes_at, reopened.closed_at) == ("open", later, None)


async def test_what_the_calendar_did_is_in_the_log_without_an_actor(world, school, sql) -> None:
    made = await world.another_class(school, closes_at=now() + DAY)
    await come_to_pass(sql, made.group, "closes_at")
    await world.wired.periods.tick()

    query = "SELECT action, actor_id FROM partner.activities WHERE class_id = %s ORDER BY occurred_at"
    told = await sql.rows(query, made.group.class_id)
    assert [(row["action"], row["actor_id"]) for row in told] == [
        ("class.created", school.owner.user_id),
        ("class.closed", None),
    ]

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.clock import now
from chassis.errors import Conflict, Forbidden, Invalid, NotFound
from chassis.paging import Slice
from contracts.org_partner import ClassClosed, ClassConfigured, ClassOpened, Role

PAGE = Slice(limit=200)
WON = {"amount": 50_000, "currency": "KRW", "period": "month"}
DAY = timedelta(days=1)


async def told(sql, group) -> list:
    return await sql.events(class_id=group.class_id)


async def test_a_class_is_open_at_once_and_all_that_it_gives_is_told(world, school, sql) -> None:
    document_id = await world.document(school.owner)
    made = await world.another_class(
        school,
        capacity=20,
        allowed_models=["growfit-extractive"],
        class_budget=WON | {"amount": 500_000, "period": "total"},
        student_budget=WON,
        material_ids=[document_id, document_id],
    )

    opened, configured = await told(sql, made.group)

    assert made.group.state == "open"
    assert isinstance(opened, ClassOpened)
    assert (opened.version, opened.opened_at) == (1, made.group.opened_at)
    assert isinstance(configured, ClassConfigured)
    assert (configured.name, configured.version) == (made.group.name, 1)
    assert (configured.allowed_models, configured.material_ids) == (["growfit-extractive"], [document_id])
    assert configured.class_budget.model_dump() == {"amount": 500_000, "currency": "KRW", "period": "total"}
    assert configured.student_budget.model_dump() == WON


async def test_a_draft_and_its_changes_are_told_to_nobody(world, school, sql) -> None:
    made = await world.another_class(school, status="draft")
    teacher, class_id = school.owner.caller, made.group.class_id
    await world.wired.classes.change(teacher, class_id, name="초안의 새 이름", student_budget=WON)
    await world.wired.materials.add(teacher, class_id, await world.document(school.owner))

    assert await told(sql, made.group) == []
    with pytest.raises(NotFound):
        await world.wired.classes.get((await world.student(school)).caller, class_id)

    opened = await world.wired.periods.open(teacher, class_id)
    first, second = await told(sql, made.group)
    assert (opened.state, type(first), type(second)) == ("open", ClassOpened, ClassConfigured)
    assert (first.name, second.student_budget.amount) == ("초안의 새 이름", 50_000)
    assert (len(second.material_ids), second.version) == (1, opened.config_version)


async def test_every_change_of_what_students_may_use_is_told_with_a_version_of_its_own(world, school, sql) -> None:
    made = await world.another_class(school, student_budget=WON)
    teacher, class_id = school.owner.caller, made.group.class_id
    change = world.wired.classes.change

    await change(teacher, class_id, name="새 이름")
    await change(teacher, class_id, capacity=3)
    await change(teacher, class_id, student_budget=None, allowed_models=["growfit-extractive"])

    events = [event for event in await told(sql, made.group) if isinstance(event, ClassConfigured)]
    assert [(event.version, event.name) for event in events] == [(1, "화목 오전반"), (2, "새 이름"), (3, "새 이름")]
    assert [event.student_budget is None for event in events] == [False, False, True]
    group, _ = await world.wired.classes.get(teacher, class_id)
    assert (group.version, group.config_version, group.capacity) == (4, 3, 3)


async def test_of_ten_changes_of_one_version_one_is_made(world, school) -> None:
    made = await world.another_class(school)
    change = world.wired.classes.change

    done = await asyncio.gather(
        *(change(school.owner.caller, made.group.class_id, version=1, name=f"{number}번") for number in range(10)),
        return_exceptions=True,
    )

    assert [type(each) for each in done].count(Conflict) == 9
    assert {each.code for each in done if isinstance(each, Conflict)} == {"version_stale"}


@pytest.mark.parametrize("models", [["gpt-9"], ["growfit-extractive", "gpt-9"], ["\x00"]])
async def test_a_model_that_the_partner_may_not_use_is_refused(world, school, models) -> None:
    for attempt in (
        world.another_class(school, allowed_models=models),
        world.wired.classes.change(school.owner.caller, school.group.class_id, allowed_models=models),
    ):
        with pytest.raises(Invalid) as caught:
            await attempt
        assert caught.value.code == "model_not_allowed"


@pytest.mark.parametrize(
    ("opens", "closes"), [(None, -DAY), (2 * DAY, DAY), (DAY, DAY), (-2 * DAY, -DAY), (None, timedelta(0))]
)
@pytest.mark.parametrize("status", ["draft", "open"])
async def test_a_period_that_is_over_or_ends_before_it_begins(world, school, opens, closes, status) -> None:
    moment = now()
    period = {"opens_at": None if opens is None else moment + opens, "closes_at": moment + closes}

    with pytest.raises(Invalid) as caught:
        await world.another_class(school, status=status, **period)
    assert caught.value.code == "period_invalid"
    draft = await world.another_class(school, status="draft")
    with pytest.raises(Invalid):
        await world.wired.classes.change(school.owner.caller, draft.group.class_id, **period)


async def test_one_end_is_held_against_the_other_that_is_there_already(world, school) -> None:
    made = await world.another_class(school, opens_at=now() + DAY, closes_at=now() + 3 * DAY)
    change, place = world.wired.classes.change, (school.owner.caller, made.group.class_id)

    for wrong in ({"opens_at": now() + 4 * DAY}, {"closes_at": now() + DAY / 2}):
        with pytest.raises(Invalid):
            await change(*place, **wrong)
    assert (await change(*place, closes_at=None)).closes_at is None


async def test_the_beginning_of_a_class_that_has_begun_stays(world, school) -> None:
    place = (school.owner.caller, school.group.class_id)

    with pytest.raises(Conflict) as caught:
        await world.wired.classes.change(*place, opens_at=now() + DAY)
    assert caught.value.code == "class_has_begun"
    await world.wired.classes.change(*place, opens_at=None, name="이름만")


async def test_there_are_never_fewer_seats_than_students(world) -> None:
    school = await world.school()
    for _ in range(3):
        await world.student(school)
    change, place = world.wired.classes.change, (school.owner.caller, school.group.class_id)

    with pytest.raises(Conflict) as caught:
        await change(*place, capacity=2)
    assert (caught.value.code, caught.value.values) == ("capacity_too_small", {"students": 3})
    assert (await change(*place, capacity=3)).capacity == 3
    assert (await change(*place, capacity=None)).capacity is None


async def test_materials_of_a_new_class_must_be_ones_that_the_caller_may_use(world, school, sql) -> None:
    foreign = await world.document(await world.person())
    for document_id in (foreign, uuid4()):
        with pytest.raises(NotFound) as caught:
            await world.another_class(school, name="없어야 할 강의", material_ids=[document_id])
        assert (caught.value.code, caught.value.values) == ("document_not_found", {})
    assert await sql.rows("SELECT 1 FROM partner.classes WHERE name = '없어야 할 강의'") == []


async def test_classes_are_made_and_changed_by_who_teaches(world, school) -> None:
    assistant, student = await world.staff(school, Role.ASSISTANT), await world.student(school)
    sibling, classes = await world.sibling(school), world.wired.classes
    values = {"course_id": school.course.course_id, "name": "몰래"}

    with pytest.raises(Forbidden):
        await classes.create(assistant.caller, school.partner.partner_id, **values)
    for person, error in ((assistant, Forbidden), (student, Forbidden), (sibling.owner, NotFound)):
        for attempt in (classes.change, world.wired.periods.close, world.wired.periods.open):
            with pytest.raises(error):
                await attempt(person.caller, school.group.class_id)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"state": "draft"}, {"초안"}),
        ({"state": "scheduled"}, {"예정"}),
        ({"state": "open"}, {"월수 저녁반", "진행 중"}),
        ({"state": "closed"}, {"지난 반"}),
        ({"name": "반"}, {"월수 저녁반", "지난 반"}),
        ({"name": "%"}, set()),
        ({"open_from": now() + 10 * DAY}, {"월수 저녁반", "예정"}),
        ({"open_to": now() - DAY}, set()),
        ({"open_from": now() + DAY, "open_to": now() + 3 * DAY, "state": "open"}, {"월수 저녁반", "진행 중"}),
    ],
)
async def test_classes_are_found_by_state_name_and_period(world, wanted, expected) -> None:
    school = await world.school()
    await world.another_class(school, name="초안", status="draft")
    await world.another_class(school, name="예정", opens_at=now() + 5 * DAY)
    await world.another_class(school, name="진행 중", closes_at=now() + 5 * DAY)
    past = await world.another_class(school, name="지난 반")
    await world.wired.periods.close(school.owner.caller, past.group.class_id)

    found = await world.wired.classes.list_for_partner(school.owner.caller, school.partner.partner_id, PAGE, **wanted)

    assert {group.name for group in found} == expected


async def test_classes_are_found_by_course(world) -> None:
    school = await world.school()
    course = await world.wired.courses.create(school.admin.caller, school.org.org_id, name="다른 과정")
    other = await world.another_class(school, course_id=course.course_id)
    place = (school.owner.caller, school.partner.partner_id, PAGE)

    found = await world.wired.classes.list_for_partner(*place, course_id=course.course_id)

    assert [group.class_id for group in found] == [other.group.class_id]
    for course_id in (uuid4(), (await world.school()).course.course_id):
        with pytest.raises(NotFound) as refused:
            await world.wired.classes.list_for_partner(*place, course_id=course_id)
        assert refused.value.code == "course_not_found"


async def test_closing_is_told_and_what_follows_has_a_higher_version(world, school, sql) -> None:
    made = await world.another_class(school)
    place = (school.owner.caller, made.group.class_id)
    await world.wired.periods.close(*place)
    await world.wired.classes.change(*place, name="닫힌 뒤의 이름")
    await world.wired.periods.reopen(*place)

    events = await told(sql, made.group)

    kinds = [ClassOpened, ClassConfigured, ClassClosed, ClassConfigured, ClassOpened, ClassConfigured]
    assert [type(event) for event in events] == kinds
    states = [event.version for event in events if not isinstance(event, ClassConfigured)]
    assert states == sorted(set(states))
    assert events[-2].name == "닫힌 뒤의 이름"

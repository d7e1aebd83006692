import asyncio
from uuid import uuid4

import pytest

from chassis.errors import Conflict, Forbidden, NotFound
from chassis.paging import Slice
from contracts.org_partner import Role

PAGE = Slice(limit=200)


async def test_a_course_is_described_renamed_and_counted_up(world, school) -> None:
    courses, org_id, admin = world.wired.courses, school.org.org_id, school.admin.caller
    course = await courses.create(admin, org_id, name="프롬프트 기초", description="8주\n실습 포함")

    changed = await courses.change(admin, org_id, course.course_id, version=1, name="프롬프트 입문")
    same = await courses.change(admin, org_id, course.course_id, version=2)

    assert (changed.name, changed.description, changed.version) == ("프롬프트 입문", "8주\n실습 포함", 2)
    assert same.version == 2


async def test_of_ten_changes_of_one_version_one_is_made(world, school) -> None:
    courses, org_id, admin = world.wired.courses, school.org.org_id, school.admin.caller
    course = await courses.create(admin, org_id, name="한 번만")

    done = await asyncio.gather(
        *(courses.change(admin, org_id, course.course_id, version=1, name=f"{number}번") for number in range(10)),
        return_exceptions=True,
    )

    refused = [each for each in done if isinstance(each, Conflict)]
    assert len(refused) == 9
    assert {(each.code, each.values["current_version"]) for each in refused} == {("version_stale", 2)}


async def test_an_archived_course_takes_no_class_until_it_is_brought_back(world, school) -> None:
    courses, org_id, admin = world.wired.courses, school.org.org_id, school.admin.caller
    course = await courses.create(admin, org_id, name="지난 과정")
    for _ in range(2):
        await courses.archive(admin, org_id, course.course_id)
    archived = await courses.get(admin, org_id, course.course_id)

    assert (archived.archived_at is not None, archived.version) == (True, 2)
    with pytest.raises(Conflict) as caught:
        await world.another_class(school, course_id=course.course_id)
    assert caught.value.code == "course_archived"

    await courses.change(admin, org_id, course.course_id, archived=False)
    assert (await world.another_class(school, course_id=course.course_id)).group.course_id == course.course_id


async def test_a_course_is_found_through_its_own_org_alone(world, school) -> None:
    elsewhere = await world.school()
    courses, admin, foreign = world.wired.courses, school.admin.caller, elsewhere.course.course_id
    attempts = (
        lambda course_id: courses.get(admin, school.org.org_id, course_id),
        lambda course_id: courses.change(admin, school.org.org_id, course_id, name="훔친 과정"),
        lambda course_id: courses.archive(admin, school.org.org_id, course_id),
    )
    for attempt in attempts:
        for course_id in (foreign, uuid4()):
            with pytest.raises(NotFound) as caught:
                await attempt(course_id)
            assert caught.value.code == "course_not_found"
    assert (await courses.get(elsewhere.admin.caller, elsewhere.org.org_id, foreign)).archived_at is None


async def test_staff_reads_courses_and_the_administrator_changes_them(world, school) -> None:
    teacher, courses = await world.staff(school, Role.INSTRUCTOR), world.wired.courses
    place = (school.org.org_id, school.course.course_id)

    assert (await courses.get(teacher.caller, *place)).name == school.course.name
    with pytest.raises(Forbidden):
        await courses.change(teacher.caller, *place, name="내 과정")
    with pytest.raises(Forbidden):
        await courses.archive(teacher.caller, *place)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"name": "100%"}, {"100% 실습"}),
        ({"name": "_"}, {"a_b"}),
        ({"name": "A_B"}, {"a_b"}),
        ({"archived": True}, {"지난 것"}),
        ({"archived": False, "name": "것"}, {"새 것"}),
    ],
)
async def test_courses_are_found_by_a_part_of_the_name_and_whether_they_are_archived(world, filters, expected) -> None:
    school = await world.school()
    courses, org_id, admin = world.wired.courses, school.org.org_id, school.admin.caller
    made = {name: await courses.create(admin, org_id, name=name) for name in ("100% 실습", "a_b", "지난 것", "새 것")}
    await courses.archive(admin, org_id, made["지난 것"].course_id)

    found = await courses.list_for_org(admin, org_id, PAGE, **filters)

    assert {course.name for course in found} == expected


async def test_what_is_done_to_courses_is_told_to_the_audit_log(world, sql) -> None:
    school = await world.school()
    place = (school.admin.caller, school.org.org_id, school.course.course_id)
    await world.wired.courses.change(*place, name="새 이름")
    await world.wired.courses.archive(*place)

    query = "SELECT action, actor_id FROM partner.activities WHERE org_id = %s AND target = %s ORDER BY occurred_at"
    told = await sql.rows(query, school.org.org_id, f"course/{school.course.course_id}")
    assert [row["action"] for row in told] == ["course.created", "course.updated", "course.archived"]
    assert {row["actor_id"] for row in told} == {school.admin.user_id}

"""What becomes of an enrolment, what is told of it, and who may do what to it."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.clock import now
from chassis.errors import Conflict, Forbidden, NotFound
from chassis.paging import Slice
from contracts.org_partner import EnrollmentEnded, EnrollmentPaused, Role, StudentEnrolled

PAGE = Slice(limit=200)
WON = {"amount": 1000, "currency": "KRW", "period": "total"}


async def told(sql, enrollment_id) -> list[tuple[type, int]]:
    return [(type(event), event.version) for event in await sql.events(enrollment_id=enrollment_id)]


async def history(world, school, enrollment_id) -> list:
    rows = await world.wired.enrollments.list_history(school.owner.caller, enrollment_id, PAGE)
    return [(row.version, row.action, row.status, row.actor_id) for row in reversed(rows)]


async def status(world, school, enrollment_id) -> str:
    return (await world.wired.enrollments.get(school.owner.caller, enrollment_id)).status


async def redeem_again(world, school, person) -> str:
    code = (await world.code(school)).code
    return (await world.wired.redemptions.redeem(person.caller, code)).status


async def test_paused_resumed_and_ended_each_told_in_order(world, school, sql) -> None:
    person, enrollment_id = await world.enrolled(school)
    acts, teacher = world.wired.attendance, school.owner

    await acts.pause(teacher.caller, enrollment_id)
    with pytest.raises(NotFound):
        await world.wired.classes.get(person.caller, school.group.class_id)
    await acts.resume(teacher.caller, enrollment_id)
    await world.wired.classes.get(person.caller, school.group.class_id)
    await acts.end(teacher.caller, enrollment_id)

    kinds = [StudentEnrolled, EnrollmentPaused, StudentEnrolled, EnrollmentEnded]
    assert await told(sql, enrollment_id) == list(zip(kinds, [1, 2, 3, 4], strict=True))
    assert await history(world, school, enrollment_id) == [
        (1, "enrolled", "active", person.user_id),
        (2, "paused", "paused", teacher.user_id),
        (3, "resumed", "active", teacher.user_id),
        (4, "ended", "ended", teacher.user_id),
    ]


async def test_each_step_again_changes_nothing(world, school, sql) -> None:
    _, enrollment_id = await world.enrolled(school)
    acts, teacher = world.wired.attendance, school.owner.caller

    for step in (acts.resume, acts.pause, acts.pause, acts.resume, acts.resume, acts.end, acts.end):
        await step(teacher, enrollment_id)

    assert [version for _, version in await told(sql, enrollment_id)] == [1, 2, 3, 4]


async def test_an_ended_enrolment_is_not_paused(world, school) -> None:
    _, enrollment_id = await world.enrolled(school)
    await world.wired.attendance.end(school.owner.caller, enrollment_id)

    with pytest.raises(Conflict) as caught:
        await world.wired.attendance.pause(school.owner.caller, enrollment_id)
    assert caught.value.code == "enrollment_ended"


async def test_the_staff_brings_back_whom_it_took_out_and_no_code_does(world, school, sql) -> None:
    person, enrollment_id = await world.enrolled(school)
    await world.wired.attendance.end(school.owner.caller, enrollment_id)
    assert await redeem_again(world, school, person) == "ended"

    await world.wired.classes.change(school.owner.caller, school.group.class_id, student_budget=WON)
    await world.wired.attendance.resume(school.owner.caller, enrollment_id)

    event = (await sql.events(enrollment_id=enrollment_id))[-1]
    assert (type(event), event.version, event.budget.amount) == (StudentEnrolled, 3, 1000)
    assert (await history(world, school, enrollment_id))[-1][1] == "resumed"
    await world.wired.classes.change(school.owner.caller, school.group.class_id, student_budget=None)


async def test_who_left_comes_back_by_a_code(world, school, sql) -> None:
    person, enrollment_id = await world.enrolled(school)

    for _ in range(2):
        await world.wired.attendance.leave(person.caller, enrollment_id)
    assert await status(world, school, enrollment_id) == "ended"
    assert await redeem_again(world, school, person) == "active"

    actions = [action for _, action, _, _ in await history(world, school, enrollment_id)]
    assert actions == ["enrolled", "left", "enrolled"]
    assert await told(sql, enrollment_id) == [(StudentEnrolled, 1), (EnrollmentEnded, 2), (StudentEnrolled, 3)]


async def test_a_paused_student_may_leave_and_does_not_come_back_by_resuming_themselves(world, school) -> None:
    person, enrollment_id = await world.enrolled(school)
    await world.wired.attendance.pause(school.owner.caller, enrollment_id)
    assert await redeem_again(world, school, person) == "paused"

    with pytest.raises(Forbidden):
        await world.wired.attendance.resume(person.caller, enrollment_id)
    await world.wired.attendance.leave(person.caller, enrollment_id)
    assert await status(world, school, enrollment_id) == "ended"


async def test_nobody_leaves_in_anothers_place(world, school) -> None:
    _, enrollment_id = await world.enrolled(school)
    classmate, _ = await world.enrolled(school)

    for person in (school.owner, school.admin, await world.supervisor()):
        with pytest.raises(Forbidden) as caught:
            await world.wired.attendance.leave(person.caller, enrollment_id)
        assert caught.value.code == "student_alone"
    for person in (classmate, await world.person(), (await world.school()).owner):
        with pytest.raises(NotFound) as caught:
            await world.wired.attendance.leave(person.caller, enrollment_id)
        assert caught.value.code == "enrollment_not_found"


async def test_pauses_and_ends_at_once_follow_one_another(world, school, sql) -> None:
    _, enrollment_id = await world.enrolled(school)
    acts, teacher = world.wired.attendance, school.owner.caller

    done = await asyncio.gather(
        *(step(teacher, enrollment_id) for step in (acts.pause, acts.resume, acts.end, acts.pause, acts.resume) * 4),
        return_exceptions=True,
    )

    assert {type(each) for each in done} <= {type(None), Conflict}
    events = await told(sql, enrollment_id)
    assert [version for _, version in events] == list(range(1, len(events) + 1))
    changes = await history(world, school, enrollment_id)
    assert [change[0] for change in changes] == [version for _, version in events]
    told_of = {"active": StudentEnrolled, "paused": EnrollmentPaused, "ended": EnrollmentEnded}
    assert [told_of[change[2]] for change in changes] == [kind for kind, _ in events]


@pytest.mark.parametrize(("step", "kind"), [("pause", EnrollmentPaused), ("end", EnrollmentEnded)])
async def test_ten_of_the_same_at_once_are_one(world, school, sql, step, kind) -> None:
    _, enrollment_id = await world.enrolled(school)
    act = getattr(world.wired.attendance, step)

    await asyncio.gather(*(act(school.owner.caller, enrollment_id) for _ in range(10)))

    assert await told(sql, enrollment_id) == [(StudentEnrolled, 1), (kind, 2)]


async def test_an_end_makes_room_and_a_pause_does_not(world) -> None:
    school = await world.another_class(await world.school(), capacity=1)
    _, enrollment_id = await world.enrolled(school)
    person, code = await world.person(), (await world.code(school)).code
    acts, teacher = world.wired.attendance, school.owner.caller

    await acts.pause(teacher, enrollment_id)
    with pytest.raises(Conflict) as caught:
        await world.wired.redemptions.redeem(person.caller, code)
    assert caught.value.code == "class_full"

    await acts.end(teacher, enrollment_id)
    await world.wired.redemptions.redeem(person.caller, code)
    with pytest.raises(Conflict) as caught:
        await acts.resume(teacher, enrollment_id)
    assert caught.value.code == "class_full"


async def test_a_transfer_ends_one_and_makes_another_with_what_the_new_class_gives(world, school, sql) -> None:
    document_id = await world.document(school.owner)
    other = await world.another_class(school, name="새 반", student_budget=WON, material_ids=[document_id])
    person, enrollment_id = await world.enrolled(school)

    made = await world.wired.attendance.transfer(school.owner.caller, enrollment_id, class_id=other.group.class_id)

    assert (await told(sql, enrollment_id))[-1] == (EnrollmentEnded, 2)
    (event,) = await sql.events(enrollment_id=made)
    assert (event.class_id, event.user_id) == (other.group.class_id, person.user_id)
    assert (event.budget.amount, event.material_ids) == (1000, [document_id])
    view = await world.wired.enrollments.get(person.caller, made)
    assert (view.class_name, view.status) == ("새 반", "active")
    (old, *_), (new,) = [
        await world.wired.enrollments.list_history(school.owner.caller, each, PAGE) for each in (enrollment_id, made)
    ]
    assert (old.action, old.detail["to_enrollment_id"]) == ("transferred", str(made))
    assert (new.action, new.detail["from_class_id"]) == ("enrolled", str(school.group.class_id))


async def test_transfer_and_back_is_the_first_enrolment_again(world, school, sql) -> None:
    other = await world.another_class(school)
    _, enrollment_id = await world.enrolled(school)
    transfer, teacher = world.wired.attendance.transfer, school.owner.caller

    there = await transfer(teacher, enrollment_id, class_id=other.group.class_id)
    back = await transfer(teacher, there, class_id=school.group.class_id)

    assert back == enrollment_id
    assert await told(sql, enrollment_id) == [(StudentEnrolled, 1), (EnrollmentEnded, 2), (StudentEnrolled, 3)]


async def test_of_ten_transfers_at_once_one_is_made(world, school, sql) -> None:
    other = await world.another_class(school)
    _, enrollment_id = await world.enrolled(school)
    transfer = world.wired.attendance.transfer

    done = await asyncio.gather(
        *(transfer(school.owner.caller, enrollment_id, class_id=other.group.class_id) for _ in range(10)),
        return_exceptions=True,
    )

    refused = [each for each in done if isinstance(each, Conflict)]
    assert (len(refused), {each.code for each in refused}) == (9, {"enrollment_ended"})


async def test_students_who_cross_do_not_stand_in_each_others_way(world, school) -> None:
    other = await world.another_class(school)
    here = [(await world.enrolled(school))[1] for _ in range(6)]
    there = [(await world.enrolled(other))[1] for _ in range(6)]
    transfer, teacher = world.wired.attendance.transfer, school.owner.caller

    await asyncio.gather(
        *(transfer(teacher, each, class_id=other.group.class_id) for each in here),
        *(transfer(teacher, each, class_id=school.group.class_id) for each in there),
    )

    assert {await status(world, school, each) for each in here + there} == {"ended"}


async def test_seats_hold_for_transfers_too(world, school) -> None:
    small = await world.another_class(school, capacity=2)
    moving = [(await world.enrolled(school))[1] for _ in range(6)]

    done = await asyncio.gather(
        *(world.wired.attendance.transfer(school.owner.caller, each, class_id=small.group.class_id) for each in moving),
        return_exceptions=True,
    )

    assert [type(each) for each in done].count(Conflict) == 4
    assert [await status(world, school, each) for each in moving].count("active") == 4


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"status": "draft"}, "class_is_draft"),
        ({"capacity": 1}, "class_full"),
        ({}, "class_is_closed"),
    ],
)
async def test_a_class_that_takes_nobody_takes_no_transfer(world, school, values, code) -> None:
    other = await world.another_class(school, **values)
    if code == "class_full":
        await world.student(other)
    if code == "class_is_closed":
        await world.wired.periods.close(school.owner.caller, other.group.class_id)
    _, enrollment_id = await world.enrolled(school)

    with pytest.raises(Conflict) as caught:
        await world.wired.attendance.transfer(school.owner.caller, enrollment_id, class_id=other.group.class_id)

    assert caught.value.code == code
    assert await status(world, school, enrollment_id) == "active"


async def test_transfers_that_go_nowhere(world, school) -> None:
    other = await world.another_class(school)
    person, enrollment_id = await world.enrolled(school)
    await world.wired.redemptions.redeem(person.caller, (await world.code(other)).code)
    transfer, teacher = world.wired.attendance.transfer, school.owner.caller

    for class_id, code in (
        (school.group.class_id, "transfer_to_same_class"),
        (other.group.class_id, "already_enrolled"),
    ):
        with pytest.raises(Conflict) as caught:
            await transfer(teacher, enrollment_id, class_id=class_id)
        assert caught.value.code == code
    with pytest.raises(NotFound):
        await transfer(teacher, enrollment_id, class_id=uuid4())
    assert await status(world, school, enrollment_id) == "active"


async def test_who_may_transfer_between_partners_and_nobody_between_orgs(world, school) -> None:
    sibling, elsewhere = await world.sibling(school), await world.school()
    both = await world.staff(school, Role.INSTRUCTOR)
    await world.wired.orgs.add_admin(elsewhere.admin.caller, elsewhere.org.org_id, email=school.admin.email)
    query = """INSERT INTO partner.memberships (membership_id, user_id, org_id, partner_id, role)
        VALUES (%s, %s, %s, %s, 'instructor')"""
    await world._sql.rows(query, uuid4(), both.user_id, school.org.org_id, sibling.partner.partner_id)
    _, enrollment_id = await world.enrolled(school)
    transfer = world.wired.attendance.transfer

    with pytest.raises(NotFound):
        await transfer(school.owner.caller, enrollment_id, class_id=sibling.group.class_id)
    with pytest.raises(Forbidden):
        await transfer(both.caller, enrollment_id, class_id=sibling.group.class_id)
    for person in (school.admin, await world.supervisor()):
        with pytest.raises(NotFound) as caught:
            await transfer(person.caller, enrollment_id, class_id=elsewhere.group.class_id)
        assert caught.value.code == "class_not_found"
    made = await transfer(school.admin.caller, enrollment_id, class_id=sibling.group.class_id)

    assert await status(world, sibling, made) == "active"


async def test_who_reaches_an_enrolment(world, school) -> None:
    person, enrollment_id = await world.enrolled(school)
    classmate, _ = await world.enrolled(school)
    assistant = await world.staff(school, Role.ASSISTANT)
    read, acts = world.wired.enrollments, world.wired.attendance

    for each in (person, assistant, school.owner, school.admin):
        assert (await read.get(each.caller, enrollment_id)).user_id == person.user_id
    with pytest.raises(Forbidden):
        await read.list_history(person.caller, enrollment_id, PAGE)
    assert len(await read.list_history(assistant.caller, enrollment_id, PAGE)) == 1
    for each in (person, assistant):
        for step in (acts.pause, acts.resume, acts.end):
            with pytest.raises(Forbidden):
                await step(each.caller, enrollment_id)
    strangers = (classmate, await world.person(), (await world.sibling(school)).owner, (await world.school()).admin)
    for each in strangers:
        for step in (read.get, acts.pause, acts.resume, acts.end, acts.leave):
            with pytest.raises(NotFound) as caught:
                await step(each.caller, enrollment_id)
            assert caught.value.code == "enrollment_not_found"


async def test_one_sees_ones_own_with_what_holds_now(world, school) -> None:
    document_id = await world.document(school.owner, title="교재.pdf")
    made = await world.another_class(school, student_budget=WON, material_ids=[document_id])
    person, enrollment_id = await world.enrolled(made)
    change, place = world.wired.classes.change, (school.owner.caller, made.group.class_id)
    await change(*place, student_budget=WON | {"amount": 7})

    (view,) = await world.wired.enrollments.list_own(person.caller, PAGE)

    assert (view.enrollment_id, view.budget["amount"], view.models) == (enrollment_id, 7, ("growfit-extractive",))
    assert [(each.document_id, each.title) for each in view.materials] == [(document_id, "교재.pdf")]
    (row,) = await world.wired.enrollments.list_students(*place, PAGE)
    assert row.assigned_budget["amount"] == 1000
    # Whoever is not in the class now does not see what comes to it now.
    for step, status in ((world.wired.attendance.pause, "paused"), (world.wired.attendance.end, "ended")):
        await step(school.owner.caller, enrollment_id)
        (view,) = await world.wired.enrollments.list_own(person.caller, PAGE, status=status)
        assert (view.budget, view.models, view.materials) == (None, [], ())
    assert await world.wired.enrollments.list_own(person.caller, PAGE, status="active") == []


async def test_the_roster_is_found_by_status_name_address_and_time(world) -> None:
    school = await world.school()
    first, enrollment_id = await world.enrolled(school)
    second, _ = await world.enrolled(school)
    await world.wired.attendance.pause(school.owner.caller, enrollment_id)
    place = (school.owner.caller, school.group.class_id, PAGE)

    async def found(**wanted) -> set:
        return {row.user_id for row in await world.wired.enrollments.list_students(*place, **wanted)}

    assert await found(status="paused") == {first.user_id}
    assert await found(status="ended") == set()
    assert await found(text=second.email[:12].upper()) == {second.user_id}
    assert await found(text="김민지") == {first.user_id, second.user_id}
    assert await found(text="%") == await found(text="_") == set()
    assert await found(enrolled_from=now() + timedelta(hours=1)) == set()
    assert await found(enrolled_to=now() + timedelta(hours=1), enrolled_from=now() - timedelta(hours=1)) == {
        first.user_id,
        second.user_id,
    }


async def test_a_partners_students_across_its_classes(world) -> None:
    school = await world.school()
    other, sibling = await world.another_class(school), await world.sibling(school)
    (person, _), (third, _) = await world.enrolled(school), await world.enrolled(sibling)
    await world.wired.redemptions.redeem(person.caller, (await world.code(other)).code)
    listing = world.wired.enrollments.list_partner_students

    rows = await listing(school.owner.caller, school.partner.partner_id, PAGE)
    one = await listing(school.owner.caller, school.partner.partner_id, PAGE, class_id=other.group.class_id)

    assert [(row.user_id, row.class_name) for row in rows] == [
        (person.user_id, "화목 오전반"),
        (person.user_id, "월수 저녁반"),
    ]
    assert [row.class_id for row in one] == [other.group.class_id]
    with pytest.raises(NotFound):
        await listing(school.owner.caller, school.partner.partner_id, PAGE, class_id=sibling.group.class_id)
    with pytest.raises(NotFound):
        await listing(third.caller, school.partner.partner_id, PAGE)

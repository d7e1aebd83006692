import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

from chassis.clock import now
from chassis.errors import Conflict, NotFound
from contracts.org_partner import StudentEnrolled
from org_partner.service import codes


async def used_count(sql, invite_code_id: UUID) -> int:
    (row,) = await sql.rows("SELECT used_count FROM partner.invite_codes WHERE invite_code_id = %s", invite_code_id)
    return row["used_count"]


async def test_a_code_makes_a_student_and_tells_of_it(world, school, sql) -> None:
    person, issued = await world.person(), await world.code(school)

    enrollment = await world.wired.redemptions.redeem(person.caller, issued.code)

    assert (enrollment.class_name, enrollment.org_name) == (school.group.name, school.org.name)
    (event,) = await sql.events(enrollment_id=enrollment.enrollment_id)
    assert isinstance(event, StudentEnrolled)
    assert (event.user_id, event.class_id) == (person.user_id, school.group.class_id)
    assert (event.partner_id, event.org_id) == (school.partner.partner_id, school.org.org_id)
    assert (event.student_id, event.version) == (enrollment.student_id, 1)


async def test_of_100_people_at_once_exactly_5_get_in_by_a_code_for_5(world, school, sql) -> None:
    issued = await world.code(school, max_uses=5)
    people = [await world.person(announced=False) for _ in range(100)]

    outcomes = Counter(await asyncio.gather(*(world.redeemed(person, issued.code) for person in people)))

    assert outcomes == {"enrolled": 5, "invite_code_refused": 95}
    assert await used_count(sql, issued.row.invite_code_id) == 5
    users = [person.user_id for person in people]
    joined = "partner.enrollments JOIN partner.students USING (student_id)"
    assert len(await sql.rows(f"SELECT 1 FROM {joined} WHERE user_id = ANY(%s)", users)) == 5
    told = await sql.rows(
        "SELECT payload FROM org_partner.outbox WHERE payload->'data'->>'user_id' = ANY(%s)",
        [str(user) for user in users],
    )
    assert len(told) == 5


async def test_redeeming_twice_is_the_same_enrolment_and_one_use(world, school, sql) -> None:
    person, issued = await world.person(), await world.code(school, max_uses=1)

    first = await world.wired.redemptions.redeem(person.caller, issued.code)
    again = await world.wired.redemptions.redeem(person.caller, issued.code.lower())

    assert again == first
    assert await used_count(sql, issued.row.invite_code_id) == 1
    assert len(await sql.events(enrollment_id=first.enrollment_id)) == 1


async def test_ten_clicks_at_once_of_one_person_are_one_enrolment_and_one_use(world, school, sql) -> None:
    person, issued = await world.person(), await world.code(school, max_uses=5)

    rows = await asyncio.gather(*(world.wired.redemptions.redeem(person.caller, issued.code) for _ in range(10)))

    assert len({row.enrollment_id for row in rows}) == 1
    assert await used_count(sql, issued.row.invite_code_id) == 1


async def test_a_second_code_of_a_class_one_is_in_is_not_used(world, school, sql) -> None:
    person, other = await world.student(school), await world.code(school)

    await world.wired.redemptions.redeem(person.caller, other.code)

    assert await used_count(sql, other.row.invite_code_id) == 0


async def test_one_person_is_one_student_in_all_classes_of_an_org_and_another_in_another_org(world, school) -> None:
    person, sibling, elsewhere = await world.person(), await world.sibling(school), await world.school()
    rows = [
        await world.wired.redemptions.redeem(person.caller, (await world.code(place)).code)
        for place in (school, sibling, elsewhere)
    ]

    assert rows[0].student_id == rows[1].student_id != rows[2].student_id
    assert len({row.enrollment_id for row in rows}) == 3


async def test_an_ended_enrolment_does_not_come_back_by_an_old_code(world, school, sql) -> None:
    person, issued = await world.person(), await world.code(school)
    row = await world.wired.redemptions.redeem(person.caller, issued.code)
    await world.wired.attendance.end(school.owner.caller, row.enrollment_id)

    assert (await world.wired.redemptions.redeem(person.caller, issued.code)).status == "ended"
    with pytest.raises(NotFound):
        await world.wired.classes.get(person.caller, school.group.class_id)


async def expire(world, school, sql) -> str:
    issued = await world.code(school)
    query = "UPDATE partner.invite_codes SET expires_at = now() WHERE invite_code_id = %s"
    await sql.rows(query, issued.row.invite_code_id)
    return issued.code


async def revoke(world, school, sql) -> str:
    issued = await world.code(school)
    await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, issued.row.invite_code_id)
    return issued.code


async def use_up(world, school, sql) -> str:
    issued = await world.code(school, max_uses=1)
    await world.wired.redemptions.redeem((await world.person()).caller, issued.code)
    return issued.code


async def invent(world, school, sql) -> str:
    return codes.new_code()


async def keep_a_draft(world, school, sql) -> str:
    return (await world.code(await world.another_class(school, status="draft"))).code


async def close(world, school, sql) -> str:
    made = await world.another_class(school)
    issued = await world.code(made)
    await world.wired.periods.close(school.owner.caller, made.group.class_id)
    return issued.code


async def outlive(world, school, sql) -> str:
    """The calendar has not got there yet."""
    made = await world.another_class(school, closes_at=now() + timedelta(days=1))
    issued = await world.code(made)
    await sql.rows("UPDATE partner.classes SET closes_at = now() WHERE class_id = %s", made.group.class_id)
    return issued.code


async def suspend(world, school, sql) -> str:
    other = await world.school()
    issued = await world.code(other)
    await sql.rows("UPDATE partner.partners SET status = 'suspended' WHERE partner_id = %s", other.partner.partner_id)
    return issued.code


async def use_up_and_fill(world, school, sql) -> str:
    made = await world.another_class(school, capacity=1)
    issued = await world.code(made, max_uses=1)
    await world.wired.redemptions.redeem((await world.person()).caller, issued.code)
    return issued.code


SPOILT = [expire, revoke, use_up, invent, keep_a_draft, close, outlive, suspend, use_up_and_fill]


@pytest.mark.parametrize("spoil", SPOILT)
async def test_every_code_that_does_not_work_gets_the_same_answer_and_is_counted(world, school, sql, spoil) -> None:
    person, code = await world.person(), await spoil(world, school, sql)

    with pytest.raises(NotFound) as caught:
        await world.wired.redemptions.redeem(person.caller, code)

    assert (caught.value.code, caught.value.values) == ("invite_code_refused", {})
    assert await world.refusals(person) == 1


async def test_somebody_whose_sign_up_is_not_known_here_yet_can_enrol(world, school) -> None:
    person, issued = await world.person(announced=False), await world.code(school)

    row = await world.wired.redemptions.redeem(person.caller, issued.code)

    assert row.status == "active"


WON = {"amount": 50_000, "currency": "KRW", "period": "month"}


async def test_one_step_enrols_and_gives_the_classs_models_budget_and_materials(world, school, sql) -> None:
    document_id = await world.document(school.owner, title="교재.pdf")
    made = await world.another_class(
        school, allowed_models=["growfit-extractive"], student_budget=WON, material_ids=[document_id]
    )
    person, issued = await world.person(), await world.code(made)

    view = await world.wired.redemptions.redeem(person.caller, issued.code)

    assert (view.models, view.budget) == (("growfit-extractive",), WON)
    assert [(each.document_id, each.title) for each in view.materials] == [(document_id, "교재.pdf")]
    (event,) = await sql.events(enrollment_id=view.enrollment_id)
    assert event.allowed_models == ["growfit-extractive"]
    assert (event.budget.model_dump(), event.material_ids) == (WON, [document_id])
    (row,) = await sql.rows("SELECT * FROM partner.enrollments WHERE enrollment_id = %s", view.enrollment_id)
    assert (row["assigned_models"], row["assigned_budget"]) == (["growfit-extractive"], WON)
    assert row["assigned_material_ids"] == [document_id]
    query = "SELECT action, actor_id, detail FROM partner.activities WHERE target = %s"
    (told,) = await sql.rows(query, f"enrollment/{view.enrollment_id}")
    assert (told["action"], told["actor_id"]) == ("enrollment.created", person.user_id)
    assert told["detail"] == {"invite_code_id": str(issued.row.invite_code_id)}


async def test_of_100_people_at_once_exactly_7_find_a_seat_in_a_class_for_7(world, school, sql) -> None:
    made = await world.another_class(school, capacity=7)
    issued = await world.code(made, max_uses=100)
    people = [await world.person(announced=False) for _ in range(100)]

    outcomes = Counter(await asyncio.gather(*(world.redeemed(person, issued.code) for person in people)))

    assert outcomes == {"enrolled": 7, "class_full": 93}
    assert await used_count(sql, issued.row.invite_code_id) == 7
    query = "SELECT count(*) AS number FROM partner.enrollments WHERE class_id = %s AND status = 'active'"
    assert await sql.rows(query, made.group.class_id) == [{"number": 7}]


async def test_two_codes_of_a_class_share_its_seats(world, school) -> None:
    made = await world.another_class(school, capacity=5)
    given = [(await world.code(made, max_uses=20)).code for _ in range(2)]
    people = [await world.person(announced=False) for _ in range(30)]

    outcomes = Counter(
        await asyncio.gather(*(world.redeemed(each, given[place % 2]) for place, each in enumerate(people)))
    )

    assert outcomes == {"enrolled": 5, "class_full": 25}


async def test_a_full_class_is_said_to_be_full_and_that_is_no_wrong_code(world, school, sql) -> None:
    made = await world.another_class(school, capacity=1)
    issued, person = await world.code(made), await world.person()
    first = await world.student(made)

    with pytest.raises(Conflict) as caught:
        await world.wired.redemptions.redeem(person.caller, issued.code)

    assert (caught.value.code, caught.value.values) == ("class_full", {"capacity": 1})
    assert await world.refusals(person) == await used_count(sql, issued.row.invite_code_id) == 0
    assert await world.redeemed(first, issued.code) == "enrolled"


async def test_one_may_enrol_before_a_class_begins(world, school, sql) -> None:
    made = await world.another_class(school, opens_at=now() + timedelta(days=9))
    person = await world.student(made)

    seen, as_student = await world.wired.classes.get(person.caller, made.group.class_id)

    assert (seen.state, as_student) == ("scheduled", True)

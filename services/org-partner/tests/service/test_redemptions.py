import asyncio
from collections import Counter
from uuid import UUID

import pytest

from chassis.errors import GrowFitError, NotFound, RateLimited
from contracts.org_partner import StudentEnrolled
from org_partner.service import codes
from org_partner.service.guessing import MAX_REFUSALS


async def outcome(world, person, code: str) -> str:
    try:
        await world.wired.redemptions.redeem(person.caller, code)
    except GrowFitError as error:
        return error.code
    return "enrolled"


async def used_count(sql, invite_code_id: UUID) -> int:
    (row,) = await sql.rows("SELECT used_count FROM partner.invite_codes WHERE invite_code_id = %s", invite_code_id)
    return row["used_count"]


async def refusals(sql, person) -> int:
    query = "SELECT count(*) AS number FROM org_partner.refused_redemptions WHERE user_id = %s"
    (row,) = await sql.rows(query, person.user_id)
    return row["number"]


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

    outcomes = Counter(await asyncio.gather(*(outcome(world, person, issued.code) for person in people)))

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
    await sql.rows("UPDATE partner.enrollments SET status = 'ended' WHERE enrollment_id = %s", row.enrollment_id)

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


@pytest.mark.parametrize("spoil", [expire, revoke, use_up, invent])
async def test_every_code_that_does_not_work_gets_the_same_answer_and_is_counted(world, school, sql, spoil) -> None:
    person, code = await world.person(), await spoil(world, school, sql)

    with pytest.raises(NotFound) as caught:
        await world.wired.redemptions.redeem(person.caller, code)

    assert (caught.value.code, caught.value.values) == ("invite_code_refused", {})
    assert await refusals(sql, person) == 1


async def test_after_20_wrong_codes_not_even_a_right_one_is_looked_at(world, school, sql) -> None:
    person, other, issued = await world.person(), await world.person(), await world.code(school)
    for _ in range(MAX_REFUSALS):
        assert await outcome(world, person, codes.new_code()) == "invite_code_refused"

    with pytest.raises(RateLimited) as caught:
        await world.wired.redemptions.redeem(person.caller, issued.code)

    assert 3500 < int(caught.value.headers["Retry-After"]) <= 3600
    assert await outcome(world, other, issued.code) == "enrolled"
    assert await used_count(sql, issued.row.invite_code_id) == 1


async def test_of_60_wrong_codes_at_once_20_are_looked_at(world, sql) -> None:
    person = await world.person()

    outcomes = Counter(await asyncio.gather(*(outcome(world, person, codes.new_code()) for _ in range(60))))

    assert outcomes == {"invite_code_refused": 20, "too_many_wrong_codes": 40}
    assert await refusals(sql, person) == 20


async def test_the_limit_slides_so_the_21st_try_waits_for_the_first_to_be_an_hour_old(world, school, sql) -> None:
    person, issued = await world.person(), await world.code(school)
    for _ in range(MAX_REFUSALS):
        await outcome(world, person, codes.new_code())
    older = """UPDATE org_partner.refused_redemptions SET refused_at = refused_at - %s::interval WHERE refusal_id =
        (SELECT refusal_id FROM org_partner.refused_redemptions WHERE user_id = %s ORDER BY refused_at LIMIT 1)"""

    await sql.rows(older, "59 minutes", person.user_id)
    with pytest.raises(RateLimited) as caught:
        await world.wired.redemptions.redeem(person.caller, issued.code)
    assert 50 <= int(caught.value.headers["Retry-After"]) <= 60

    await sql.rows(older, "1 minute", person.user_id)
    assert await outcome(world, person, issued.code) == "enrolled"
    assert await refusals(sql, person) == 19


async def test_right_codes_are_never_counted(world, school, sql) -> None:
    person, issued = await world.person(), await world.code(school)
    for _ in range(MAX_REFUSALS + 5):
        assert await outcome(world, person, issued.code) == "enrolled"

    assert await refusals(sql, person) == 0


async def test_somebody_whose_sign_up_is_not_known_here_yet_can_enrol(world, school) -> None:
    person, issued = await world.person(announced=False), await world.code(school)

    row = await world.wired.redemptions.redeem(person.caller, issued.code)

    assert row.status == "active"

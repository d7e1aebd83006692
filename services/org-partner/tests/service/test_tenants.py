"""Making orgs, partners, courses and classes: what is told, to whom roles go, what lists show."""

import asyncio

import pytest

from chassis.errors import NotFound
from chassis.paging import Slice
from contracts.org_partner import (
    ClassConfigured,
    ClassOpened,
    CourseCreated,
    MembershipGranted,
    OrgCreated,
    PartnerCreated,
    Role,
)

PAGE = Slice(limit=200)


async def test_everything_made_is_told_in_order_and_with_its_version(world, sql) -> None:
    school = await world.school()

    events = await sql.events(org_id=school.org.org_id)

    made = [OrgCreated, MembershipGranted, CourseCreated, PartnerCreated, MembershipGranted]
    kinds = [*made, ClassOpened, ClassConfigured]
    assert [type(event) for event in events] == kinds
    assert {event.version for event in events} == {1}
    org, admin, course, partner, owner, opened, _ = events
    assert (org.name, org.created_at) == (school.org.name, school.org.created_at)
    assert (admin.user_id, admin.role, admin.partner_id) == (school.admin.user_id, Role.ORG_ADMIN, None)
    assert (course.course_id, course.name) == (school.course.course_id, school.course.name)
    assert (partner.partner_id, partner.name) == (school.partner.partner_id, school.partner.name)
    assert (owner.user_id, owner.role) == (school.owner.user_id, Role.PARTNER_OWNER)
    assert owner.partner_id == school.partner.partner_id
    assert (opened.class_id, opened.course_id) == (school.group.class_id, school.course.course_id)


async def test_an_administrator_is_made_once_however_often_and_by_how_many(world, school, sql) -> None:
    person = await world.person()
    add = world.wired.orgs.add_admin

    made = await asyncio.gather(
        *(add(school.admin.caller, school.org.org_id, email=person.email.upper()) for _ in range(5))
    )

    assert len({membership.membership_id for membership in made}) == 1
    assert len(await sql.events(user_id=person.user_id)) == 1


async def test_one_person_may_have_a_role_in_the_org_and_one_in_each_partner(world, school) -> None:
    made = [
        await world.wired.partners.create(
            school.admin.caller, school.org.org_id, name=f"파트너 {number}", owner_email=school.admin.email
        )
        for number in range(2)
    ]

    listed = await world.wired.partners.list_for_org(school.admin.caller, school.org.org_id, PAGE)
    assert {partner.partner_id for partner in made} < {partner.partner_id for partner in listed}


async def test_nobody_is_made_owner_by_an_address_that_has_not_signed_up(world, school, sql) -> None:
    late = await world.person(announced=False)

    with pytest.raises(NotFound) as caught:
        await world.wired.partners.create(
            school.admin.caller, school.org.org_id, name="너무 이른 파트너", owner_email=late.email
        )
    assert caught.value.code == "user_unknown"
    assert await sql.rows("SELECT 1 FROM partner.partners WHERE name = '너무 이른 파트너'") == []

    await world.announce(late)
    made = await world.wired.partners.create(
        school.admin.caller, school.org.org_id, name="제때 온 파트너", owner_email=late.email
    )
    assert await world.wired.classes.list_for_partner(late.caller, made.partner_id, PAGE) == []


async def test_a_class_takes_no_course_of_another_org(world, school) -> None:
    elsewhere = await world.school()

    with pytest.raises(NotFound) as caught:
        await world.wired.classes.create(
            school.owner.caller, school.partner.partner_id, course_id=elsewhere.course.course_id, name="몰래"
        )
    assert caught.value.code == "course_not_found"


async def test_lists_of_orgs_hold_what_somebody_has_to_do_with(world, school) -> None:
    elsewhere = await world.school()
    assistant, student = await world.staff(school, Role.ASSISTANT), await world.student(school)

    async def seen(person) -> set:
        return {org.org_id for org in await world.wired.orgs.list_visible(person.caller, PAGE)}

    assert await seen(school.admin) == await seen(school.owner) == await seen(assistant) == {school.org.org_id}
    assert await seen(student) == set()
    assert {school.org.org_id, elsewhere.org.org_id} <= await seen(await world.supervisor())


async def test_a_partners_staff_sees_its_own_partner_and_the_administrator_all(world, school) -> None:
    sibling, fresh = await world.sibling(school), await world.staff(school, Role.INSTRUCTOR)

    async def seen(person) -> set:
        rows = await world.wired.partners.list_for_org(person.caller, school.org.org_id, PAGE)
        return {partner.partner_id for partner in rows}

    assert await seen(school.owner) == await seen(fresh) == {school.partner.partner_id}
    assert await seen(sibling.owner) == {sibling.partner.partner_id}
    assert {school.partner.partner_id, sibling.partner.partner_id} <= await seen(school.admin)


async def test_classes_and_students_are_listed_for_their_own_partner_alone(world) -> None:
    school = await world.school()
    sibling = await world.sibling(school)
    student = await world.student(sibling)

    mine = await world.wired.classes.list_for_partner(school.admin.caller, school.partner.partner_id, PAGE)
    assert [group.class_id for group in mine] == [school.group.class_id]
    theirs = await world.wired.enrollments.list_students(sibling.owner.caller, sibling.group.class_id, PAGE)
    assert [(row.user_id, row.email) for row in theirs] == [(student.user_id, student.email)]
    assert await world.wired.enrollments.list_students(school.owner.caller, school.group.class_id, PAGE) == []


async def test_a_student_who_is_not_known_by_name_yet_is_in_the_list_all_the_same(world, school) -> None:
    sibling = await world.sibling(school)
    person, issued = await world.person(announced=False), await world.code(sibling)
    await world.wired.redemptions.redeem(person.caller, issued.code)

    (row,) = await world.wired.enrollments.list_students(sibling.owner.caller, sibling.group.class_id, PAGE)

    assert (row.user_id, row.display_name, row.email) == (person.user_id, None, None)

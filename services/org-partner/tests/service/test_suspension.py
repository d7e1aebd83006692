"""What a suspended org or partner is to its people: nothing, and they are told so; to others it never was."""

from datetime import timedelta

import pytest

from chassis.errors import Forbidden, NotFound
from chassis.paging import Slice
from contracts.org_partner import PartnerChanged, Role

PAGE = Slice(limit=200)


@pytest.fixture
async def suspended_org(world):
    school, supervisor = await world.school(), await world.supervisor()
    people = {
        "admin": school.admin,
        "owner": school.owner,
        "assistant": await world.staff(school, Role.ASSISTANT),
        "student": await world.student(school),
        "stranger": await world.person(),
    }
    await world.wired.orgs.suspend(supervisor.caller, school.org.org_id, reason="점검")
    return school, supervisor, people


def doors(wired, school) -> dict:
    """One way in for each kind of target, reading and writing."""
    org, partner, group = school.org.org_id, school.partner.partner_id, school.group.class_id
    return {
        "read org": lambda caller: wired.orgs.get(caller, org),
        "change org": lambda caller: wired.orgs.update(caller, org, changes={"name": "x"}),
        "read partner": lambda caller: wired.partners.get(caller, partner),
        "list classes": lambda caller: wired.classes.list_for_partner(caller, partner, PAGE),
        "read class": lambda caller: wired.classes.get(caller, group),
        "issue code": lambda caller: wired.invite_codes.issue(caller, group, lifetime=timedelta(hours=1), max_uses=1),
    }


REACHED = {
    "admin": ("read org", "change org", "read partner", "list classes", "read class", "issue code"),
    "owner": ("read org", "change org", "read partner", "list classes", "read class", "issue code"),
    "assistant": ("read org", "read partner", "list classes", "read class", "issue code"),
    "student": ("read class", "issue code"),
}


@pytest.mark.parametrize("who", REACHED)
async def test_nobody_of_a_suspended_org_gets_in_and_all_are_told_why(world, suspended_org, who) -> None:
    school, supervisor, people = suspended_org
    for name in REACHED[who]:
        door = doors(world.wired, school)[name]
        with pytest.raises(Forbidden) as caught:
            await door(people[who].caller)
        assert caught.value.code == "tenant_suspended", name
        await door(supervisor.caller)


async def test_a_stranger_learns_nothing_of_a_suspended_org(world, suspended_org) -> None:
    school, _, people = suspended_org
    for name, door in doors(world.wired, school).items():
        with pytest.raises(NotFound) as caught:
            await door(people["stranger"].caller)
        assert caught.value.code.endswith("_not_found"), name


async def test_codes_of_a_suspended_org_are_like_wrong_ones_and_good_again_afterwards(world, sql) -> None:
    school, supervisor, person = await world.school(), await world.supervisor(), await world.person()
    issued = await world.code(school, max_uses=1)
    await world.wired.orgs.suspend(supervisor.caller, school.org.org_id, reason="점검")

    with pytest.raises(NotFound) as caught:
        await world.wired.redemptions.redeem(person.caller, issued.code)
    assert (caught.value.code, caught.value.values) == ("invite_code_refused", {})
    (row,) = await sql.rows("SELECT used_count FROM partner.invite_codes WHERE org_id = %s", school.org.org_id)
    assert row["used_count"] == 0

    await world.wired.orgs.restore(supervisor.caller, school.org.org_id)
    await world.wired.redemptions.redeem(person.caller, issued.code)


async def test_also_a_student_of_a_suspended_partner_gets_nothing_out_of_an_old_code(world) -> None:
    school, student = await world.school(), await world.person()
    issued = await world.code(school)
    await world.wired.redemptions.redeem(student.caller, issued.code)
    await world.wired.partners.suspend(school.admin.caller, school.partner.partner_id, reason="점검")

    with pytest.raises(NotFound) as caught:
        await world.wired.redemptions.redeem(student.caller, issued.code)
    assert caught.value.code == "invite_code_refused"


async def test_a_suspended_partner_is_its_orgs_administrators_alone(world, sql) -> None:
    school = await world.school()
    student, assistant = await world.student(school), await world.staff(school, Role.ASSISTANT)
    partner_id, class_id = school.partner.partner_id, school.group.class_id

    for _ in range(2):
        made = await world.wired.partners.suspend(school.admin.caller, partner_id, reason="휴강")
        assert (made.status, made.status_reason, made.version) == ("suspended", "휴강", 2)

    for person in (school.owner, assistant):
        for way in (
            world.wired.partners.get(person.caller, partner_id),
            world.wired.classes.get(person.caller, class_id),
            world.wired.orgs.get(person.caller, school.org.org_id),
        ):
            with pytest.raises(Forbidden) as caught:
                await way
            assert caught.value.code == "tenant_suspended"
    with pytest.raises(Forbidden):
        await world.wired.classes.get(student.caller, class_id)
    with pytest.raises(Forbidden):
        await world.wired.partners.restore(school.owner.caller, partner_id)
    assert await world.wired.classes.get(school.admin.caller, class_id)

    restored = await world.wired.partners.restore(school.admin.caller, partner_id)
    assert (restored.status, restored.status_reason, restored.version) == ("active", None, 3)
    assert await world.wired.classes.get(student.caller, class_id)
    told = [event for event in await sql.events(partner_id=partner_id) if isinstance(event, PartnerChanged)]
    assert [(event.status, event.version) for event in told] == [("suspended", 2), ("active", 3)]


async def test_somebody_with_a_role_in_a_sibling_keeps_that_one(world) -> None:
    school = await world.school()
    sibling, person = await world.sibling(school), await world.staff(school, Role.INSTRUCTOR)
    await world.wired.members.add(
        sibling.owner.caller, sibling.partner.partner_id, email=person.email, role=Role.ASSISTANT
    )
    await world.wired.partners.suspend(school.admin.caller, school.partner.partner_id, reason="휴강")

    seen = await world.wired.partners.list_for_org(person.caller, school.org.org_id, PAGE)

    assert [partner.partner_id for partner in seen] == [sibling.partner.partner_id]
    assert await world.wired.courses.list_for_org(person.caller, school.org.org_id, PAGE)


async def test_a_suspended_partner_in_a_suspended_org_is_nobodys(world) -> None:
    school, supervisor = await world.school(), await world.supervisor()
    await world.wired.partners.suspend(school.admin.caller, school.partner.partner_id, reason="휴강")
    await world.wired.orgs.suspend(supervisor.caller, school.org.org_id, reason="점검")

    with pytest.raises(Forbidden):
        await world.wired.partners.restore(school.admin.caller, school.partner.partner_id)
    assert (await world.wired.partners.restore(supervisor.caller, school.partner.partner_id)).status == "active"
    with pytest.raises(Forbidden):
        await world.wired.partners.get(school.owner.caller, school.partner.partner_id)


@pytest.mark.parametrize("level", ["org", "partner"])
async def test_a_student_sees_that_they_are_enrolled_and_nothing_to_use_while_it_is_suspended(world, level) -> None:
    school = await world.school()
    budget = {"amount": 5, "currency": "KRW", "period": "total"}
    rich = await world.another_class(
        school,
        allowed_models=["growfit-extractive"],
        student_budget=budget,
        material_ids=[await world.document(school.owner)],
    )
    student, supervisor = await world.student(rich), await world.supervisor()
    orgs, partners = world.wired.orgs, world.wired.partners

    async def given() -> tuple:
        (view,) = await world.wired.enrollments.list_own(student.caller, PAGE)
        return view.status, list(view.models), view.budget, len(view.materials)

    assert await given() == ("active", ["growfit-extractive"], budget, 1)
    if level == "org":
        await orgs.suspend(supervisor.caller, school.org.org_id, reason="점검")
    else:
        await partners.suspend(school.admin.caller, school.partner.partner_id, reason="점검")
    assert await given() == ("active", [], None, 0)
    if level == "org":
        await orgs.restore(supervisor.caller, school.org.org_id)
    else:
        await partners.restore(school.admin.caller, school.partner.partner_id)
    assert await given() == ("active", ["growfit-extractive"], budget, 1)

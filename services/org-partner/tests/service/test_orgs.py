"""Changing, suspending, restoring and closing an org."""

import asyncio

import pytest

from chassis.errors import Conflict, Forbidden, NotFound
from chassis.paging import Slice
from contracts.org_partner import OrgChanged, Role

PAGE = Slice(limit=200)


async def test_a_change_counts_up_and_is_told_and_recorded(world, sql) -> None:
    school = await world.school()

    changed = await world.wired.orgs.update(
        school.admin.caller, school.org.org_id, changes={"name": "새 이름"}, version=1
    )

    assert (changed.name, changed.version) == ("새 이름", 2)
    (told,) = [event for event in await sql.events(org_id=school.org.org_id) if isinstance(event, OrgChanged)]
    assert (told.name, told.status, told.version) == ("새 이름", "active", 2)
    entry = (await sql.audits(target=f"org/{school.org.org_id}"))[-1]
    assert (entry.action, entry.actor_id, entry.detail) == (
        "org.updated",
        school.admin.user_id,
        {"fields": ["name"]},
    )


async def test_what_is_so_already_is_no_change(world, sql) -> None:
    school = await world.school()
    before = len(await sql.events(org_id=school.org.org_id))

    for changes in ({}, {"name": school.org.name}, {"members_only_from_domains": False}):
        same = await world.wired.orgs.update(school.admin.caller, school.org.org_id, changes=changes)
        assert same.version == 1

    assert len(await sql.events(org_id=school.org.org_id)) == before


async def test_of_two_who_change_the_same_version_one_is_told_to_read_again(world) -> None:
    school = await world.school()

    async def rename(name: str):
        return await world.wired.orgs.update(school.admin.caller, school.org.org_id, changes={"name": name}, version=1)

    results = await asyncio.gather(rename("하나"), rename("둘"), return_exceptions=True)

    (refused,) = [each for each in results if isinstance(each, Conflict)]
    assert (refused.code, refused.values) == ("version_stale", {"current_version": 2})


async def test_suspending_is_told_once_with_a_reason_that_the_bus_does_not_carry(world, sql) -> None:
    school, supervisor = await world.school(), await world.supervisor()

    for _ in range(2):
        org = await world.wired.orgs.suspend(supervisor.caller, school.org.org_id, reason="이용 요금 미납")
        assert (org.status, org.status_reason, org.version) == ("suspended", "이용 요금 미납", 2)

    (told,) = [event for event in await sql.events(org_id=school.org.org_id) if isinstance(event, OrgChanged)]
    assert (told.status, told.version) == ("suspended", 2)
    stored = await sql.rows("SELECT payload::text AS body FROM org_partner.outbox")
    assert not [row for row in stored if "이용 요금 미납" in row["body"]]


async def test_a_restored_org_is_as_it_was(world, sql) -> None:
    school, supervisor = await world.school(), await world.supervisor()
    student = await world.student(school)
    await world.wired.orgs.suspend(supervisor.caller, school.org.org_id, reason="점검")

    for _ in range(2):
        org = await world.wired.orgs.restore(supervisor.caller, school.org.org_id)
        assert (org.status, org.status_reason, org.version) == ("active", None, 3)

    assert (await world.wired.orgs.get(school.owner.caller, school.org.org_id)).org_id == school.org.org_id
    assert await world.wired.classes.get(student.caller, school.group.class_id)
    told = [event for event in await sql.events(org_id=school.org.org_id) if isinstance(event, OrgChanged)]
    assert [(event.status, event.version) for event in told] == [("suspended", 2), ("active", 3)]


async def test_an_org_with_open_classes_is_closed_by_force_alone(world) -> None:
    school, supervisor = await world.school(), await world.supervisor()
    close = world.wired.orgs.close

    with pytest.raises(Conflict) as caught:
        await close(supervisor.caller, school.org.org_id, reason="계약 종료", force=False)
    assert (caught.value.code, caught.value.values) == ("org_has_open_classes", {"open_classes": 1})

    closed = await close(supervisor.caller, school.org.org_id, reason="계약 종료", force=True)
    again = await close(supervisor.caller, school.org.org_id, reason="다시", force=False)
    assert (closed.status, closed.version) == (again.status, again.version) == ("closed", 2)
    assert again.status_reason == "계약 종료"


async def test_a_closed_org_cannot_be_suspended_but_restored_by_a_supervisor(world) -> None:
    school, supervisor = await world.school(), await world.supervisor()
    await world.wired.orgs.close(supervisor.caller, school.org.org_id, reason="계약 종료", force=True)

    with pytest.raises(Conflict) as caught:
        await world.wired.orgs.suspend(supervisor.caller, school.org.org_id, reason="점검")
    assert caught.value.code == "org_closed"
    with pytest.raises(Forbidden) as forbidden:
        await world.wired.orgs.restore(school.admin.caller, school.org.org_id)
    assert forbidden.value.code == "tenant_suspended"
    assert (await world.wired.orgs.restore(supervisor.caller, school.org.org_id)).status == "active"


@pytest.mark.parametrize("act", ["suspend", "restore", "close"])
async def test_an_orgs_own_administrator_is_no_supervisor_of_it(world, school, act) -> None:
    options = {"suspend": {"reason": "x"}, "restore": {}, "close": {"reason": "x", "force": True}}[act]

    with pytest.raises(Forbidden) as caught:
        await getattr(world.wired.orgs, act)(school.admin.caller, school.org.org_id, **options)
    assert caught.value.code == "supervisor_only"
    with pytest.raises(NotFound):
        await getattr(world.wired.orgs, act)((await world.person()).caller, school.org.org_id, **options)


async def test_orgs_are_found_by_a_part_of_the_name_and_by_status(world) -> None:
    supervisor = await world.supervisor()
    made = {
        name: (await world.wired.orgs.create(supervisor.caller, name=name)).org_id
        for name in ("100% 수학", "1000 수학", "Alpha 학원")
    }
    await world.wired.orgs.suspend(supervisor.caller, made["1000 수학"], reason="점검")

    async def found(**wanted) -> set:
        rows = await world.wired.orgs.list_visible(supervisor.caller, PAGE, **wanted)
        return {org.org_id for org in rows} & set(made.values())

    assert await found(name="100%") == {made["100% 수학"]}
    assert await found(name="alpha") == {made["Alpha 학원"]}
    assert await found(name="수학", status="suspended") == {made["1000 수학"]}
    assert await found(status="active") == {made["100% 수학"], made["Alpha 학원"]}
    assert await found(name="_") == set()


async def test_somebody_sees_that_their_org_is_suspended(world) -> None:
    school, supervisor = await world.school(), await world.supervisor()
    staff = await world.staff(school, Role.ASSISTANT)
    await world.wired.orgs.suspend(supervisor.caller, school.org.org_id, reason="점검")

    (seen,) = await world.wired.orgs.list_visible(staff.caller, PAGE)

    assert (seen.org_id, seen.status) == (school.org.org_id, "suspended")

"""Who has which role where: giving, changing, moving and taking away, and who may."""

import asyncio
from uuid import UUID, uuid4

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound
from chassis.paging import Slice
from contracts.org_partner import MembershipGranted, MembershipRevoked, Role
from org_partner.service.permission import Where

PAGE = Slice(limit=200)
STAFF = (Role.PARTNER_OWNER, Role.INSTRUCTOR, Role.ASSISTANT)


async def membership_of(sql, person, partner_id: UUID | None = None) -> UUID:
    query = "SELECT membership_id FROM partner.memberships WHERE user_id = %s AND partner_id IS NOT DISTINCT FROM %s"
    (row,) = await sql.rows(query, person.user_id, partner_id)
    return row["membership_id"]


async def add(world, by, school, role: Role, person=None):
    person = person or await world.person()
    return person, await world.wired.members.add(by.caller, school.partner.partner_id, email=person.email, role=role)


@pytest.mark.parametrize("role", STAFF)
async def test_an_administrator_gives_every_role_and_again_it_is_the_same(world, school, sql, role) -> None:
    person, first = await add(world, school.admin, school, role)
    _, again = await add(world, school.admin, school, role, person)

    assert (first.role, first.version, first.partner_id) == (role, 1, school.partner.partner_id)
    assert again.membership_id == first.membership_id
    (told,) = await sql.events(membership_id=first.membership_id)
    assert (told.role, told.user_id, told.version) == (role, person.user_id, 1)
    (entry,) = await sql.audits(target=f"membership/{first.membership_id}")
    assert (entry.action, entry.partner_id) == ("membership.granted", school.partner.partner_id)
    assert entry.detail == {"user_id": str(person.user_id), "role": role.value}


async def test_somebody_with_another_role_there_keeps_it(world, school) -> None:
    person, _ = await add(world, school.owner, school, Role.ASSISTANT)

    with pytest.raises(Conflict) as caught:
        await add(world, school.owner, school, Role.INSTRUCTOR, person)
    assert caught.value.code == "already_member"


@pytest.mark.parametrize(
    ("giver", "allowed"),
    [("owner", {Role.INSTRUCTOR, Role.ASSISTANT}), ("instructor", set()), ("assistant", set())],
)
async def test_nobody_raises_anyone_to_their_own_level(world, sql, giver, allowed) -> None:
    school = await world.school()
    by = school.owner if giver == "owner" else await world.staff(school, Role(giver))

    for role in STAFF:
        if role in allowed:
            assert (await add(world, by, school, role))[1].role == role
            continue
        with pytest.raises(Forbidden) as caught:
            await add(world, by, school, role)
        assert caught.value.code == "role_insufficient"


async def test_an_instructor_does_not_promote_themselves(world, school, sql) -> None:
    instructor, made = await add(world, school.owner, school, Role.INSTRUCTOR)

    for role in (Role.PARTNER_OWNER, Role.ASSISTANT):
        with pytest.raises(Forbidden):
            await world.wired.members.change_role(
                instructor.caller, school.partner.partner_id, made.membership_id, role=role
            )


async def test_an_owner_neither_makes_nor_unmakes_owners(world, school, sql) -> None:
    _, made = await add(world, school.admin, school, Role.PARTNER_OWNER)
    _, below = await add(world, school.owner, school, Role.ASSISTANT)
    members, partner_id = world.wired.members, school.partner.partner_id

    with pytest.raises(Forbidden):
        await members.change_role(school.owner.caller, partner_id, below.membership_id, role=Role.PARTNER_OWNER)
    with pytest.raises(Forbidden):
        await members.change_role(school.owner.caller, partner_id, made.membership_id, role=Role.INSTRUCTOR)
    with pytest.raises(Forbidden):
        await members.revoke(school.owner.caller, Where(partner_id=partner_id), made.membership_id)


async def test_a_changed_role_is_granted_anew_with_a_higher_version(world, school, sql) -> None:
    _, made = await add(world, school.owner, school, Role.ASSISTANT)
    change = world.wired.members.change_role

    changed = await change(school.owner.caller, school.partner.partner_id, made.membership_id, role=Role.INSTRUCTOR)
    same = await change(school.owner.caller, school.partner.partner_id, made.membership_id, role=Role.INSTRUCTOR)

    assert (changed.membership_id, changed.role, changed.version) == (made.membership_id, Role.INSTRUCTOR, 2)
    assert same.version == 2
    told = await sql.events(membership_id=made.membership_id)
    assert [(type(event), event.role, event.version) for event in told] == [
        (MembershipGranted, Role.ASSISTANT, 1),
        (MembershipGranted, Role.INSTRUCTOR, 2),
    ]


async def test_a_role_that_was_taken_away_gives_nothing_and_comes_back_as_the_same_row(world, sql) -> None:
    school = await world.school()
    person, made = await add(world, school.owner, school, Role.INSTRUCTOR)
    place = Where(partner_id=school.partner.partner_id)

    await world.wired.members.revoke(school.owner.caller, place, made.membership_id)
    for way in (
        world.wired.partners.get(person.caller, school.partner.partner_id),
        world.wired.classes.get(person.caller, school.group.class_id),
        world.wired.orgs.get(person.caller, school.org.org_id),
        world.wired.members.revoke(school.owner.caller, place, made.membership_id),
    ):
        with pytest.raises(NotFound):
            await way
    assert await world.wired.orgs.list_visible(person.caller, PAGE) == []

    _, again = await add(world, school.owner, school, Role.ASSISTANT, person)
    assert (again.membership_id, again.role, again.version) == (made.membership_id, Role.ASSISTANT, 3)
    assert await world.wired.partners.get(person.caller, school.partner.partner_id)
    told = await sql.events(membership_id=made.membership_id)
    assert [(type(event), event.version) for event in told] == [
        (MembershipGranted, 1),
        (MembershipRevoked, 2),
        (MembershipGranted, 3),
    ]


async def test_whoever_has_no_role_any_more_enters_no_org_behind_the_wall_either(world, sql, database) -> None:
    school = await world.school()
    person, made = await add(world, school.owner, school, Role.INSTRUCTOR)

    async def orgs() -> str:
        query = "SELECT org_partner.enter_tenant(%s), current_setting('app.orgs') AS orgs"
        # One statement, so that the settings still stand when they are read.
        (row,) = await sql.rows(f"SELECT orgs FROM ({query}) entered", person.user_id)
        return row["orgs"]

    assert await orgs() == str(school.org.org_id)
    await world.wired.members.revoke(school.admin.caller, Where(org_id=school.org.org_id), made.membership_id)
    assert await orgs() == ""


async def test_the_last_administrator_stays_and_the_last_owner_too(world, sql) -> None:
    school = await world.school()
    admin = await membership_of(sql, school.admin)
    owner = await membership_of(sql, school.owner, school.partner.partner_id)
    members, at_org = world.wired.members, Where(org_id=school.org.org_id)
    supervisor = await world.supervisor()

    for by in (school.admin, supervisor):
        with pytest.raises(Conflict) as caught:
            await members.revoke(by.caller, at_org, admin)
        assert caught.value.code == "last_admin"
        for place in (at_org, Where(partner_id=school.partner.partner_id)):
            with pytest.raises(Conflict) as caught:
                await members.revoke(by.caller, place, owner)
            assert caught.value.code == "last_owner"
        with pytest.raises(Conflict) as caught:
            await members.change_role(by.caller, school.partner.partner_id, owner, role=Role.INSTRUCTOR)
        assert caught.value.code == "last_owner"


async def test_of_two_administrators_who_remove_each_other_at_once_one_is_left(world, sql) -> None:
    for _ in range(5):
        school, other = await world.school(), await world.person()
        await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=other.email)
        first, second = await membership_of(sql, school.admin), await membership_of(sql, other)
        place = Where(org_id=school.org.org_id)

        results = await asyncio.gather(
            world.wired.members.revoke(school.admin.caller, place, second),
            world.wired.members.revoke(other.caller, place, first),
            return_exceptions=True,
        )

        assert sorted(result is None for result in results) == [False, True], results
        left = "SELECT 1 FROM partner.memberships WHERE org_id = %s AND partner_id IS NULL AND revoked_at IS NULL"
        assert len(await sql.rows(left, school.org.org_id)) == 1


async def test_of_two_owners_one_removed_by_the_org_and_one_by_the_partner_one_is_left(world, sql) -> None:
    for _ in range(5):
        school = await world.school()
        _, second = await add(world, school.admin, school, Role.PARTNER_OWNER)
        first = await membership_of(sql, school.owner, school.partner.partner_id)

        results = await asyncio.gather(
            world.wired.members.revoke(school.admin.caller, Where(org_id=school.org.org_id), first),
            world.wired.members.change_role(
                school.admin.caller, school.partner.partner_id, second.membership_id, role=Role.ASSISTANT
            ),
            return_exceptions=True,
        )

        assert sum(isinstance(result, Conflict) for result in results) == 1, results


async def test_a_member_moves_to_a_sibling_with_their_role(world, sql) -> None:
    school = await world.school()
    sibling = await world.sibling(school)
    person, made = await add(world, school.owner, school, Role.INSTRUCTOR)

    moved = await world.wired.members.move(
        school.admin.caller, school.partner.partner_id, made.membership_id, into_id=sibling.partner.partner_id
    )

    assert (moved.partner_id, moved.role, moved.version) == (sibling.partner.partner_id, Role.INSTRUCTOR, 1)
    assert moved.membership_id != made.membership_id
    assert await world.wired.classes.get(person.caller, sibling.group.class_id)
    with pytest.raises(NotFound):
        await world.wired.classes.get(person.caller, school.group.class_id)
    assert isinstance((await sql.events(membership_id=made.membership_id))[-1], MembershipRevoked)


async def test_moves_that_are_none(world, sql) -> None:
    school, elsewhere, supervisor = await world.school(), await world.school(), await world.supervisor()
    sibling = await world.sibling(school)
    person, made = await add(world, school.owner, school, Role.INSTRUCTOR)
    owner = await membership_of(sql, school.owner, school.partner.partner_id)
    here = school.partner.partner_id

    async def refused(by, membership_id, into, partner_id=here) -> str:
        with pytest.raises((Conflict, Forbidden, NotFound)) as caught:
            await world.wired.members.move(by.caller, partner_id, membership_id, into_id=into.partner.partner_id)
        return caught.value.code

    assert await refused(school.owner, made.membership_id, sibling) == "role_insufficient"
    assert await refused(school.admin, made.membership_id, elsewhere) == "partner_not_found"
    assert await refused(supervisor, made.membership_id, elsewhere) == "partner_not_found"
    assert await refused(school.admin, made.membership_id, school) == "already_member"
    assert await refused(school.admin, owner, sibling) == "last_owner"
    assert await refused(school.admin, uuid4(), sibling) == "membership_not_found"
    await add(world, sibling.owner, sibling, Role.ASSISTANT, person)
    assert await refused(school.admin, made.membership_id, sibling) == "already_member"
    assert await world.wired.classes.get(person.caller, school.group.class_id)


async def test_members_of_others_are_not_there(world, school, sql) -> None:
    sibling, elsewhere = await world.sibling(school), await world.school()
    _, theirs = await add(world, sibling.owner, sibling, Role.ASSISTANT)
    _, foreign = await add(world, elsewhere.owner, elsewhere, Role.ASSISTANT)
    members = world.wired.members

    for membership_id in (theirs.membership_id, foreign.membership_id, uuid4()):
        for way in (
            members.revoke(school.owner.caller, Where(partner_id=school.partner.partner_id), membership_id),
            members.change_role(school.owner.caller, school.partner.partner_id, membership_id, role=Role.INSTRUCTOR),
        ):
            with pytest.raises(NotFound) as caught:
                await way
            assert caught.value.code == "membership_not_found"
    with pytest.raises(NotFound) as caught:
        await members.revoke(school.admin.caller, Where(org_id=school.org.org_id), foreign.membership_id)
    assert caught.value.code == "membership_not_found"
    await members.revoke(school.admin.caller, Where(org_id=school.org.org_id), theirs.membership_id)


async def test_members_are_listed_with_names_and_found_by_role_partner_and_text(world, sql) -> None:
    school = await world.school()
    sibling = await world.sibling(school)
    instructor, made = await add(world, school.owner, school, Role.INSTRUCTOR)
    assistant, _ = await add(world, sibling.owner, sibling, Role.ASSISTANT)

    async def found(**wanted) -> set:
        rows = await world.wired.members.list_for_org(school.admin.caller, school.org.org_id, PAGE, **wanted)
        return {row.user_id for row in rows}

    everybody = {school.admin.user_id, school.owner.user_id, sibling.owner.user_id}
    everybody |= {instructor.user_id, assistant.user_id}
    assert await found() == await found(text="김민지") == everybody
    assert await found(role="org_admin") == {school.admin.user_id}
    assert await found(partner_id=sibling.partner.partner_id) == {sibling.owner.user_id, assistant.user_id}
    assert await found(text=instructor.email[:20].upper()) == {instructor.user_id}
    assert await found(text="%") == await found(ended=True) == set()

    await world.wired.members.revoke(school.admin.caller, Where(org_id=school.org.org_id), made.membership_id)
    assert await found(ended=True) == {instructor.user_id}
    assert await found() == everybody - {instructor.user_id}

    rows = await world.wired.members.list_for_partner(sibling.owner.caller, sibling.partner.partner_id, PAGE)
    assert {(row.user_id, row.role, row.email, row.partner_name) for row in rows} == {
        (sibling.owner.user_id, Role.PARTNER_OWNER, sibling.owner.email, sibling.partner.name),
        (assistant.user_id, Role.ASSISTANT, assistant.email, sibling.partner.name),
    }


@pytest.mark.parametrize("told", [False, None])
async def test_who_has_not_verified_the_address_is_given_no_role_until_they_do(world, school, sql, told) -> None:
    person = await world.person(announced=False)
    await world.announce(person, verified=told)
    wired, org_id, partner_id = world.wired, school.org.org_id, school.partner.partner_id

    for way in (
        wired.orgs.add_admin(school.admin.caller, org_id, email=person.email),
        wired.members.add(school.owner.caller, partner_id, email=person.email, role=Role.ASSISTANT),
        wired.partners.create(school.admin.caller, org_id, name="x", owner_email=person.email),
    ):
        with pytest.raises(Conflict) as caught:
            await way
        assert caught.value.code == "user_unverified"
    assert await sql.events(user_id=person.user_id) == []
    assert await sql.rows("SELECT 1 FROM partner.partners WHERE name = 'x' AND org_id = %s", org_id) == []

    await sql.rows("UPDATE org_partner.users SET email_verified = true WHERE user_id = %s", person.user_id)
    assert (await add(world, school.owner, school, Role.ASSISTANT, person))[1].user_id == person.user_id


async def test_an_unverified_member_moves_but_counts_for_no_domain(world, sql) -> None:
    school, supervisor, domain = await world.school(), await world.supervisor(), f"{uuid4().hex[:12]}.example.com"
    sibling = await world.sibling(school)
    person = await world.person(email=f"t@{domain}")
    _, membership = await add(world, school.owner, school, Role.ASSISTANT, person)
    await world.wired.domains.add(supervisor.caller, school.org.org_id, domain=domain)
    limit = {"members_only_from_domains": True}
    await world.wired.orgs.update(school.admin.caller, school.org.org_id, changes=limit)
    verified = "UPDATE org_partner.users SET email_verified = %s WHERE user_id = %s"
    where = (school.admin.caller, school.partner.partner_id, membership.membership_id)
    await sql.rows(verified, False, person.user_id)

    with pytest.raises(Invalid) as caught:
        await world.wired.members.move(*where, into_id=sibling.partner.partner_id)
    assert caught.value.code == "email_domain_refused"

    await sql.rows(verified, True, person.user_id)
    assert await world.wired.members.move(*where, into_id=sibling.partner.partner_id)

"""Changing a partner and moving it to another org."""

import asyncio
from uuid import uuid4

import pytest

from chassis import tenant
from chassis.errors import Conflict, Forbidden, Locale, NotFound
from chassis.paging import Slice
from contracts.org_partner import MembershipGranted, PartnerChanged, Role
from org_partner.crud import llm_settings
from org_partner.service import permission, places
from org_partner.service.llm_levels import AtPartner
from org_partner.service.llm_settings import Wanted
from org_partner.service.permission import Where

PAGE = Slice(limit=200)


async def bare_partner(world, school):
    """One without classes; its owner."""
    owner = await world.person()
    partner = await world.wired.partners.create(
        school.admin.caller, school.org.org_id, name="옮길 파트너", owner_email=owner.email
    )
    return partner, owner


async def test_an_owner_renames_their_partner_and_an_instructor_does_not(world, school, sql) -> None:
    sibling = await world.sibling(school)
    instructor = await world.staff(sibling, Role.INSTRUCTOR)
    partner_id, update = sibling.partner.partner_id, world.wired.partners.update

    changed = await update(sibling.owner.caller, partner_id, name="AI 교실", version=1)
    assert (changed.name, changed.version) == ("AI 교실", 2)
    assert (await update(sibling.owner.caller, partner_id, name="AI 교실")).version == 2
    with pytest.raises(Conflict) as caught:
        await update(sibling.owner.caller, partner_id, name="또", version=1)
    assert caught.value.values == {"current_version": 2}
    with pytest.raises(Forbidden):
        await update(instructor.caller, partner_id, name="또")

    (told,) = [event for event in await sql.events(partner_id=partner_id) if isinstance(event, PartnerChanged)]
    assert (told.name, told.version, told.org_id) == ("AI 교실", 2, school.org.org_id)


async def test_partners_are_found_by_a_part_of_the_name_and_by_status(world) -> None:
    school = await world.school()
    partner, _ = await bare_partner(world, school)
    await world.wired.partners.suspend(school.admin.caller, partner.partner_id, reason="휴강")

    async def found(**wanted) -> set:
        rows = await world.wired.partners.list_for_org(school.admin.caller, school.org.org_id, PAGE, **wanted)
        return {each.partner_id for each in rows}

    assert await found(name="옮길") == await found(status="suspended") == {partner.partner_id}
    assert await found(name="김민지") == await found(status="active") == {school.partner.partner_id}
    assert await found(name="%") == set()


async def test_a_moved_partner_takes_its_staff_and_invitations_along(world, sql, postbox) -> None:
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    partner, owner = await bare_partner(world, here)
    left, invited = await world.person(), await world.person()
    await world.wired.members.add(owner.caller, partner.partner_id, email=left.email, role=Role.ASSISTANT)
    (gone,) = await sql.rows("SELECT membership_id FROM partner.memberships WHERE user_id = %s", left.user_id)
    place = Where(partner_id=partner.partner_id)
    await world.wired.members.revoke(owner.caller, place, gone["membership_id"])
    await world.wired.invitations.invite_to_partner(
        owner.caller, partner.partner_id, email=invited.email, role=Role.INSTRUCTOR, locale=Locale.KO
    )

    moved = await world.wired.partners.move(supervisor.caller, partner.partner_id, org_id=there.org.org_id)

    assert (moved.org_id, moved.version) == (there.org.org_id, 2)
    assert (await world.wired.partners.get(there.admin.caller, partner.partner_id)).org_id == there.org.org_id
    assert (await world.wired.partners.get(owner.caller, partner.partner_id)).org_id == there.org.org_id
    with pytest.raises(NotFound):
        await world.wired.partners.get(here.admin.caller, partner.partner_id)
    told = [event for event in await sql.events(partner_id=partner.partner_id) if event.version == 2]
    granted = [event for event in told if isinstance(event, MembershipGranted)]
    assert [(event.user_id, event.org_id, event.role) for event in granted] == [
        (owner.user_id, there.org.org_id, Role.PARTNER_OWNER)
    ]
    (changed,) = [event for event in told if isinstance(event, PartnerChanged)]
    assert changed.org_id == there.org.org_id
    membership = await world.wired.acceptances.accept(invited.caller, await postbox.token(invited.email))
    assert membership.org_id == there.org.org_id
    actions = [entry.action for entry in await sql.audits(target=f"partner/{partner.partner_id}")]
    assert actions[-2:] == ["partner.moved", "partner.received"]


@pytest.mark.parametrize(
    "held",
    [
        "provider = 'x', base_url = 'https://api.example.com/v1'",
        "model = 'growfit-extractive'",
        "allowed_models = '{growfit-extractive}'",
        """price_override = '{"a": {}}'""",
    ],
)
async def test_a_partner_with_classes_or_settings_stays_where_it_is(world, sql, held) -> None:
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    partner, _ = await bare_partner(world, here)
    await sql.rows(
        "INSERT INTO partner.llm_settings (settings_id, org_id, partner_id) VALUES (gen_random_uuid(), %s, %s)",
        here.org.org_id,
        partner.partner_id,
    )
    await sql.rows(f"UPDATE partner.llm_settings SET {held} WHERE partner_id = %s", partner.partner_id)

    for partner_id in (here.partner.partner_id, partner.partner_id):
        with pytest.raises(Conflict) as caught:
            await world.wired.partners.move(supervisor.caller, partner_id, org_id=there.org.org_id)
        assert caught.value.code == "partner_in_use"
        assert (await world.wired.partners.get(here.admin.caller, partner_id)).version == 1


async def test_a_partner_whose_settings_were_cleared_moves_and_sets_its_own_there(world, sql) -> None:
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    partner, owner = await bare_partner(world, here)
    level, settings = AtPartner(partner.partner_id), world.wired.llm_settings
    models = Wanted(None, None, "growfit-extractive", ["growfit-extractive"], {}, None, keeps_key=True)
    await settings.save(owner.caller, level, models)
    with pytest.raises(Conflict):
        await world.wired.partners.move(supervisor.caller, partner.partner_id, org_id=there.org.org_id)
    await settings.clear(owner.caller, level)

    moved = await world.wired.partners.move(supervisor.caller, partner.partner_id, org_id=there.org.org_id)

    assert moved.org_id == there.org.org_id
    view = await settings.get(there.admin.caller, level)
    assert (view.org_id, view.own.version, view.own.model) == (there.org.org_id, 2, None)
    assert (await settings.save(owner.caller, level, models)).own.version == 3
    with pytest.raises(NotFound):
        await settings.get(here.admin.caller, level)
    rows = await sql.rows("SELECT org_id FROM partner.llm_settings WHERE partner_id = %s", partner.partner_id)
    assert rows == [{"org_id": there.org.org_id}]


async def test_settings_that_are_saved_while_the_partner_moves_never_go_along(world, sql) -> None:
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    partner, owner = await bare_partner(world, here)
    moving = world.wired.partners.move(supervisor.caller, partner.partner_id, org_id=there.org.org_id)
    async with world.wired.database.transaction(tenant.of(owner.caller)) as session:
        scope = await permission.in_partner(session, owner.caller, partner.partner_id, allowed=permission.OWN)
        await places.hold(session, scope)
        task = asyncio.create_task(moving)
        while not await sql.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110  the state is the server's
            await asyncio.sleep(0)
        await llm_settings.add(session, scope, settings_id=uuid4(), model="growfit-extractive")

    with pytest.raises(Conflict) as caught:
        await task
    assert caught.value.code == "partner_in_use"


@pytest.mark.parametrize(
    "what",
    ["class", "settings", "cleared", "member", "revoked", "invitation", "acceptance", "name", "suspended", "moved"],
)
@pytest.mark.parametrize("_time", range(4))
async def test_what_is_put_into_a_partner_while_it_moves_is_in_one_org_with_it(
    world, sql, postbox, what, _time
) -> None:
    """It comes before the move, after it, or is told to try again."""
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    wired, person = world.wired, await world.person()
    partner, owner = await bare_partner(world, here)
    partner_id, by, role = partner.partner_id, owner.caller, {"email": person.email, "role": Role.ASSISTANT}
    models = Wanted(None, None, "growfit-extractive", ["growfit-extractive"], {}, None, keeps_key=True)
    elsewhere, held = await world.school(), None
    if what == "acceptance":
        await wired.invitations.invite_to_partner(by, partner_id, locale=Locale.KO, **role)
        token = await postbox.token(person.email)
    if what == "revoked":
        second = {"email": person.email, "role": Role.PARTNER_OWNER}
        held = (await wired.members.add(here.admin.caller, partner_id, **second)).membership_id
    if what == "cleared":
        await wired.llm_settings.save(by, AtPartner(partner_id), models)
        await wired.llm_settings.clear(by, AtPartner(partner_id))
    put = {
        "class": lambda: wired.classes.create(by, partner_id, course_id=here.course.course_id, name="반"),
        "settings": lambda: wired.llm_settings.save(by, AtPartner(partner_id), models),
        "cleared": lambda: wired.llm_settings.clear(by, AtPartner(partner_id)),
        "member": lambda: wired.members.add(by, partner_id, **role),
        "revoked": lambda: wired.members.revoke(here.admin.caller, Where(org_id=here.org.org_id), held),
        "name": lambda: wired.partners.update(by, partner_id, name="새 이름"),
        "suspended": lambda: wired.partners.suspend(here.admin.caller, partner_id, reason="점검"),
        "moved": lambda: wired.partners.move(supervisor.caller, partner_id, org_id=elsewhere.org.org_id),
        "invitation": lambda: wired.invitations.invite_to_partner(by, partner_id, locale=Locale.KO, **role),
        "acceptance": lambda: wired.acceptances.accept(person.caller, token),
    }

    results = await asyncio.gather(
        put[what](),
        wired.partners.move(supervisor.caller, partner_id, org_id=there.org.org_id),
        return_exceptions=True,
    )

    failed = [each for each in results if isinstance(each, BaseException)]
    # Not `Unavailable`, as which a deadlock is told.
    assert all(isinstance(each, Conflict | NotFound) for each in failed), failed
    assert len(failed) < 2
    tables = ("partners", "memberships", "invitations", "classes", "llm_settings")
    query = " UNION ".join(f"SELECT org_id FROM partner.{name} WHERE partner_id = %(id)s" for name in tables)
    assert len(await sql.rows(query.replace("%(id)s", f"'{partner_id}'"))) == 1


async def test_whoever_was_let_in_before_the_move_is_told_to_try_again(world) -> None:
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    partner, owner = await bare_partner(world, here)
    async with world.wired.database.transaction(tenant.of(owner.caller)) as session:
        scope = await permission.in_partner(session, owner.caller, partner.partner_id, allowed=permission.OWN)
        await world.wired.partners.move(supervisor.caller, partner.partner_id, org_id=there.org.org_id)

        with pytest.raises(Conflict) as caught:
            await places.hold(session, scope)
    assert caught.value.code == "partner_moved"


async def test_moving_is_a_supervisors_and_goes_to_an_org_that_there_is(world) -> None:
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    partner, owner = await bare_partner(world, here)
    move = world.wired.partners.move

    for person in (owner, here.admin):
        with pytest.raises(Forbidden):
            await move(person.caller, partner.partner_id, org_id=here.org.org_id)
    with pytest.raises(NotFound) as caught:
        await move(supervisor.caller, partner.partner_id, org_id=partner.partner_id)
    assert caught.value.code == "org_not_found"
    assert (await move(supervisor.caller, partner.partner_id, org_id=here.org.org_id)).version == 1
    with pytest.raises(NotFound):
        await move(there.admin.caller, partner.partner_id, org_id=there.org.org_id)


async def test_a_partner_whose_owner_gets_a_letter_is_theirs_once_they_accept(world, sql, postbox) -> None:
    school, late = await world.school(), await world.person(announced=False)
    partner = await world.wired.partners.create(
        school.admin.caller, school.org.org_id, name="초대한 파트너", owner_email=late.email, invite_in=Locale.KO
    )
    assert await sql.rows("SELECT 1 FROM partner.memberships WHERE partner_id = %s", partner.partner_id) == []

    await world.announce(late)
    membership = await world.wired.acceptances.accept(late.caller, await postbox.token(late.email))

    assert (membership.partner_id, membership.role) == (partner.partner_id, Role.PARTNER_OWNER)

"""Invitations end with the role of whoever offers them, and with the role of whoever they would bring back."""

import asyncio
from uuid import uuid4

import pytest

from chassis.errors import NotFound
from chassis.paging import Slice
from contracts.org_partner import Role
from org_partner.crud import memberships
from org_partner.service.permission import Where

PAGE = Slice(limit=200)


async def state_of(sql, sent) -> str:
    query = "SELECT revoked_at IS NULL AS open FROM partner.invitations WHERE invitation_id = %s"
    (row,) = await sql.rows(query, sent.invitation_id)
    return "open" if row["open"] else "revoked"


async def member(world, school, role: Role):
    person = await world.person()
    if role is Role.ORG_ADMIN:
        return person, await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=person.email)
    partner_id = school.partner.partner_id
    return person, await world.wired.members.add(school.admin.caller, partner_id, email=person.email, role=role)


async def take_away(world, school, membership) -> None:
    await world.wired.members.revoke(school.admin.caller, Where(org_id=school.org.org_id), membership.membership_id)


async def lower(world, school, membership) -> None:
    await world.wired.members.change_role(
        school.admin.caller, school.partner.partner_id, membership.membership_id, role=Role.INSTRUCTOR
    )


@pytest.mark.parametrize("end", [take_away, lower])
async def test_what_an_owner_offered_ends_with_their_role(world, school, sql, postbox, end) -> None:
    owner, membership = await member(world, school, Role.PARTNER_OWNER)
    invited, late = await world.person(), await world.person()
    sent = await world.invite(school, invited.email, by=owner)
    of_others = await world.invite(school, f"{uuid4().hex}@example.com", by=school.owner)
    accepted = await world.invite(school, late.email, by=owner)
    assert await world.accepted(late, await postbox.token(late.email)) == "accepted"

    await end(world, school, membership)

    states = [await state_of(sql, each) for each in (sent, of_others, accepted)]
    assert states == ["revoked", "open", "open"]
    assert await world.accepted(invited, await postbox.token(invited.email)) == "invitation_refused"
    told = (await sql.audits(target=f"invitation/{sent.invitation_id}"))[-1]
    assert (told.action, told.actor_id) == ("invitation.revoked", school.admin.user_id)
    assert told.detail == {"role": "instructor", "reason": "inviter_lost_role"}
    query = "SELECT actor_id FROM partner.activities WHERE action = 'invitation.revoked' AND target = %s"
    logged = await sql.rows(query, f"invitation/{sent.invitation_id}")
    assert logged == [{"actor_id": school.admin.user_id}]


async def test_what_an_administrator_offered_anywhere_in_the_org_ends_but_what_another_role_still_allows(
    world, school, sql
) -> None:
    sibling, foreign = await world.sibling(school), await world.school()
    admin, membership = await member(world, school, Role.ORG_ADMIN)
    await member_again(world, school, admin, Role.PARTNER_OWNER)
    await world.wired.orgs.add_admin(foreign.admin.caller, foreign.org.org_id, email=admin.email)
    sent = [
        await world.invite(place, f"{uuid4().hex}@example.com", role=role, by=admin)
        for place, role in (
            (school, Role.ORG_ADMIN),
            (sibling, Role.ASSISTANT),
            (school, Role.PARTNER_OWNER),
            (school, Role.ASSISTANT),
            (foreign, Role.ASSISTANT),
        )
    ]

    await take_away(world, school, membership)

    assert [await state_of(sql, each) for each in sent] == ["revoked", "revoked", "revoked", "open", "open"]


async def member_again(world, school, person, role: Role):
    partner_id = school.partner.partner_id
    added = await world.wired.members.add(school.admin.caller, partner_id, email=person.email, role=role)
    return person, added


async def test_an_invitation_is_not_sent_past_the_end_of_its_senders_role(world, school, sql, monkeypatch) -> None:
    """The role ends after the permission was looked at and before the invitation is there."""
    owner, membership = await member(world, school, Role.PARTNER_OWNER)
    real, address = memberships.lock_roles, f"{uuid4().hex}@example.com"

    async def meanwhile(session, scope, *, user_id):
        monkeypatch.setattr(memberships, "lock_roles", real)
        await take_away(world, school, membership)
        return await real(session, scope, user_id=user_id)

    monkeypatch.setattr(memberships, "lock_roles", meanwhile)
    with pytest.raises(NotFound):
        await world.invite(school, address, by=owner)
    assert await sql.rows("SELECT 1 FROM partner.invitations WHERE email = %s", address) == []


async def test_invitations_and_the_end_of_their_senders_role_at_once_leave_none_open(world, school, sql) -> None:
    owner, membership = await member(world, school, Role.PARTNER_OWNER)
    sends = [world.invite(school, f"{uuid4().hex}@example.com", by=owner) for _ in range(6)]

    await asyncio.gather(*sends[:3], take_away(world, school, membership), *sends[3:], return_exceptions=True)

    query = "SELECT 1 FROM partner.invitations WHERE invited_by = %s AND revoked_at IS NULL"
    assert await sql.rows(query, owner.user_id) == []
    assert await sql.rows("SELECT revoked_at FROM partner.memberships WHERE user_id = %s", owner.user_id) != [
        {"revoked_at": None}
    ]


async def test_two_roles_that_end_at_once_leave_no_invitation_that_each_of_them_allowed(world, sql) -> None:
    for _ in range(4):
        school = await world.school()
        sender, at_org = await member(world, school, Role.ORG_ADMIN)
        _, in_partner = await member_again(world, school, sender, Role.PARTNER_OWNER)
        sent = await world.invite(school, f"{uuid4().hex}@example.com", by=sender)

        await asyncio.gather(*(take_away(world, school, each) for each in (at_org, in_partner)))

        assert await state_of(sql, sent) == "revoked"


async def test_whoever_was_taken_out_does_not_come_back_by_an_older_letter(world, sql, postbox) -> None:
    school = await world.school()
    sibling = await world.sibling(school)
    person, place = await world.person(), Where(partner_id=school.partner.partner_id)
    here, there = await world.invite(school, person.email), await world.invite(sibling, person.email)
    # The latest letter is for the sibling, which has not taken anybody out.
    first = (await postbox.letters(person.email))[0][1].split("#token=", 1)[1].split()[0]
    made = await world.wired.members.add(
        school.owner.caller, school.partner.partner_id, email=person.email, role=Role.ASSISTANT
    )

    await world.wired.members.revoke(school.owner.caller, place, made.membership_id)

    assert await world.accepted(person, first) == "invitation_refused"
    (entry,) = [
        each for each in await sql.audits(target=f"invitation/{here.invitation_id}") if each.detail.get("reason")
    ]
    assert (entry.action, entry.detail["reason"]) == ("invitation.revoked", "role_revoked")
    rows = await world.wired.invitations.list_for_org(school.admin.caller, school.org.org_id, PAGE, state="pending")
    assert [row.invitation_id for row in rows] == [there.invitation_id]
    assert await world.accepted(person, await postbox.token(person.email)) == "accepted"


async def test_whoever_sends_it_again_is_who_offers_it(world, sql) -> None:
    school = await world.school()
    owner = await world.staff(school, Role.PARTNER_OWNER)
    place = Where(partner_id=school.partner.partner_id)
    sent = await world.invite(school, f"{uuid4().hex}@example.com", role=Role.ASSISTANT, by=school.owner)
    await sql.rows("UPDATE partner.invitations SET sent_at = sent_at - interval '5 minutes'")

    again = await world.wired.invitations.resend(owner.caller, place, sent.invitation_id)

    assert again.invited_by == owner.user_id
    query = "SELECT membership_id FROM partner.memberships WHERE user_id = %s"
    for person, state in ((school.owner, "pending"), (owner, "revoked")):
        if person is school.owner:
            await world.wired.members.add(
                school.admin.caller,
                school.partner.partner_id,
                email=(await world.person()).email,
                role=Role.PARTNER_OWNER,
            )
        ((membership_id,),) = [row.values() for row in await sql.rows(query, person.user_id)]
        await world.wired.members.revoke(school.admin.caller, place, membership_id)
        (row,) = await world.wired.invitations.list_for_org(school.admin.caller, school.org.org_id, PAGE)
        assert row.state == state

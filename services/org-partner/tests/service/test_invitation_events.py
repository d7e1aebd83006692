"""What is told of invitations: enough to let their readers sign up, and neither address nor token."""

from uuid import UUID, uuid4

from chassis.clock import now
from chassis.delivery import Delivery
from chassis.errors import Locale
from contracts import digests
from contracts.identity import UserAnonymised
from contracts.org_partner import InvitationEnded, InvitationSent, Role
from org_partner.service.permission import Where


async def told(sql, invitation_id: UUID) -> list[InvitationSent | InvitationEnded]:
    events = await sql.events(invitation_id=invitation_id)
    assert all(isinstance(event, InvitationSent | InvitationEnded) for event in events)
    return events


async def invite(world, school, email, *, by=None):
    return await world.wired.invitations.invite_to_partner(
        (by or school.admin).caller, school.partner.partner_id, email=email, role=Role.ASSISTANT, locale=Locale.KO
    )


async def test_a_letter_is_told_by_digests_alone(world, school, sql, postbox) -> None:
    email = f"Minji-{uuid4().hex}@example.com"
    sent = await invite(world, school, email)

    (event,) = await told(sql, sent.invitation_id)
    token = await postbox.token(email.lower())

    assert isinstance(event, InvitationSent)
    assert (event.org_id, event.partner_id) == (school.org.org_id, school.partner.partner_id)
    assert event.address_digest == digests.of_address(email).hex()
    assert event.token_digest == digests.of_token(token).hex()
    assert (event.version, event.expires_at) == (1, sent.expires_at)
    rows = await sql.rows("SELECT payload::text AS body FROM org_partner.outbox")
    assert not [row for row in rows if token in row["body"] or email.lower() in row["body"].lower()]


async def test_another_letter_and_the_end_have_higher_versions(world, school, sql, postbox) -> None:
    email = f"{uuid4().hex}@example.com"
    place = Where(org_id=school.org.org_id)
    sent = await invite(world, school, email)
    await sql.rows("UPDATE partner.invitations SET sent_at = now() - interval '1 hour'")
    await world.wired.invitations.resend(school.admin.caller, place, sent.invitation_id)
    newest = await postbox.token(email)
    for _ in range(2):
        await world.wired.invitations.revoke(school.admin.caller, place, sent.invitation_id)

    first, second, end = await told(sql, sent.invitation_id)

    assert [type(each) for each in (first, second, end)] == [InvitationSent, InvitationSent, InvitationEnded]
    assert [first.version, second.version, end.version] == [1, 2, 3]
    assert second.token_digest == digests.of_token(newest).hex() != first.token_digest


async def test_what_an_inviter_may_not_offer_any_more_ends(world, school, sql) -> None:
    owner = await world.staff(school, Role.PARTNER_OWNER)
    sent = await invite(world, school, f"{uuid4().hex}@example.com", by=owner)
    query = "SELECT membership_id FROM partner.memberships WHERE user_id = %s"
    ((membership_id,),) = [row.values() for row in await sql.rows(query, owner.user_id)]

    place = Where(partner_id=school.partner.partner_id)
    await world.wired.members.revoke(school.admin.caller, place, membership_id)

    assert [type(each) for each in await told(sql, sent.invitation_id)] == [InvitationSent, InvitationEnded]


async def test_what_an_anonymised_person_offered_ends(world, school, sql) -> None:
    owner = await world.staff(school, Role.PARTNER_OWNER)
    sent = await invite(world, school, f"{uuid4().hex}@example.com", by=owner)
    fact = UserAnonymised(user_id=owner.user_id, version=9, anonymised_at=now())

    await world.wired.erasures.erase(fact, Delivery("org_partner-erase_user", uuid4()))

    _, end = await told(sql, sent.invitation_id)
    assert (type(end), end.version) == (InvitationEnded, 2)


async def test_a_moved_partner_s_invitations_are_told_anew(world, sql) -> None:
    here, there, supervisor = await world.school(), await world.school(), await world.supervisor()
    partner = await world.wired.partners.create(
        here.admin.caller, here.org.org_id, name="옮길 파트너", owner_email=here.admin.email
    )
    sent = await world.wired.invitations.invite_to_partner(
        here.admin.caller, partner.partner_id, email=f"{uuid4().hex}@example.com", role=Role.ASSISTANT, locale=Locale.KO
    )

    await world.wired.partners.move(supervisor.caller, partner.partner_id, org_id=there.org.org_id)

    before, after = await told(sql, sent.invitation_id)
    assert (before.org_id, after.org_id) == (here.org.org_id, there.org.org_id)
    assert (before.version, after.version) == (1, 2)
    assert before.token_digest == after.token_digest


async def roster_letter(world, school, sql, postbox) -> tuple[str, UUID, str]:
    """Sent to somebody who has no account: their address, and the id and text of the code in it."""
    email = f"{uuid4().hex}@example.com"
    await world.wired.roster_imports.run(
        school.owner.caller, school.group.class_id, f"이메일\n{email}".encode(), locale=Locale.KO, invite_unknown=True
    )
    query = "SELECT invite_code_id FROM partner.invite_codes WHERE recipient_hash = %s"
    ((code_id,),) = [row.values() for row in await sql.rows(query, digests.of_address(email))]
    ((_, text),) = await postbox.letters(email)
    return email, code_id, text.split("초대 코드: ", 1)[1].split()[0]


async def test_the_code_in_a_roster_s_letter_is_told_and_its_end_too(world, school, sql, postbox) -> None:
    email, code_id, code = await roster_letter(world, school, sql, postbox)

    await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, code_id)

    sent, end = await told(sql, code_id)
    assert isinstance(sent, InvitationSent)
    assert sent.token_digest == digests.of_code(code.lower()).hex()
    assert sent.address_digest == digests.of_address(email).hex()
    assert (sent.org_id, sent.partner_id) == (school.org.org_id, school.partner.partner_id)
    assert (type(end), end.version) == (InvitationEnded, 2)


async def test_nothing_is_told_of_a_code_for_anybody(world, school, sql) -> None:
    issued = await world.code(school)
    code_id = issued.row.invite_code_id
    await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, code_id)

    assert await told(sql, code_id) == []


async def test_the_end_of_a_code_in_a_letter_is_told_when_it_is_used(world, school, sql, postbox) -> None:
    email, code_id, code = await roster_letter(world, school, sql, postbox)

    person = await world.person(email=email)
    await world.wired.redemptions.redeem(person.caller, code)
    # It has ended already.
    await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, code_id)

    assert [type(each) for each in await told(sql, code_id)] == [InvitationSent, InvitationEnded]

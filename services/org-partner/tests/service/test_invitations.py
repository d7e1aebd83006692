"""Invitations by e-mail link: who sends, what the letter holds, what its token is worth and to whom."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from chassis.errors import Conflict, Forbidden, Locale, NotFound, RateLimited
from chassis.paging import Slice
from contracts import digests
from contracts.org_partner import MembershipGranted, Role
from org_partner.service import letter_limits
from org_partner.service.guessing import MAX_REFUSALS
from org_partner.service.permission import Where

PAGE = Slice(limit=200)


@pytest.mark.parametrize("role", [Role.ORG_ADMIN, Role.PARTNER_OWNER, Role.INSTRUCTOR, Role.ASSISTANT])
async def test_somebody_who_had_not_signed_up_gets_the_role_that_was_offered(world, school, sql, postbox, role) -> None:
    late = await world.person(announced=False)
    sent = await world.invite(school, late.email.upper(), role=role)
    await world.announce(late)

    membership = await world.wired.acceptances.accept(late.caller, await postbox.token(late.email))

    partner_id = None if role is Role.ORG_ADMIN else school.partner.partner_id
    assert (membership.role, membership.user_id, membership.partner_id) == (role, late.user_id, partner_id)
    (told,) = await sql.events(user_id=late.user_id)
    assert isinstance(told, MembershipGranted)
    assert (told.role, told.partner_id) == (role, partner_id)
    entries = await sql.audits(target=f"invitation/{sent.invitation_id}")
    assert [(entry.action, entry.actor_id) for entry in entries] == [
        ("invitation.sent", school.admin.user_id),
        ("invitation.accepted", late.user_id),
    ]
    assert late.email not in str([entry.model_dump() for entry in entries])
    if partner_id:
        assert await world.wired.classes.get(late.caller, school.group.class_id)


@pytest.mark.parametrize(("locale", "words"), [(Locale.KO, "수락하세요"), (Locale.EN, "to accept")])
async def test_the_letter_is_in_the_language_that_was_chosen_and_holds_the_token_alone(
    world, school, sql, postbox, locale, words
) -> None:
    person = await world.person()
    sent = await world.invite(school, person.email, locale=locale)
    ((subject, text),) = await postbox.letters(person.email)
    token = await postbox.token(person.email)

    assert school.org.name not in subject
    assert f'"{school.org.name}' in text
    assert words in text
    assert f"http://localhost:8000/accept-invitation#token={token}\n" in text
    assert text.count(token) == 2
    assert len(token) >= 43
    (row,) = await sql.rows("SELECT * FROM partner.invitations WHERE invitation_id = %s", sent.invitation_id)
    assert bytes(row["token_hash"]) == digests.of_token(token)
    assert token not in str(row)
    for table in ("org_partner.outbox", "org_partner.mails", "partner.activities"):
        assert token not in str(await sql.rows(f"SELECT t::text FROM {table} t"))


async def test_a_letter_that_is_not_committed_is_not_sent(world, school, sql, postbox) -> None:
    person = await world.person()
    await world.invite(school, person.email)

    with pytest.raises(Conflict) as caught:
        await world.invite(school, person.email, role=Role.ASSISTANT)

    assert caught.value.code == "invitation_pending"
    assert len(await postbox.letters(person.email)) == 1


async def test_of_many_invitations_to_one_address_at_once_one_is_made(world, school, postbox) -> None:
    person = await world.person()

    results = await asyncio.gather(*(world.invite(school, person.email) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(each, Conflict) for each in results) == 7
    assert len(await postbox.letters(person.email)) == 1


async def test_members_need_no_invitation(world, school) -> None:
    with pytest.raises(Conflict) as caught:
        await world.invite(school, school.owner.email, role=Role.ASSISTANT)
    assert caught.value.code == "already_member"
    with pytest.raises(Conflict):
        await world.invite(school, school.admin.email, role=Role.ORG_ADMIN)


async def test_an_owner_invites_to_the_roles_below_and_an_instructor_to_none(world, school) -> None:
    instructor = await world.staff(school, Role.INSTRUCTOR)
    for by, role in (
        (school.owner, Role.PARTNER_OWNER),
        (school.owner, Role.ORG_ADMIN),
        (instructor, Role.ASSISTANT),
        (instructor, Role.INSTRUCTOR),
    ):
        with pytest.raises(Forbidden):
            await world.invite(school, "x@example.com", role=role, by=by)
    sent = await world.invite(school, f"{uuid4().hex}@example.com", role=Role.ASSISTANT, by=school.owner)
    assert (sent.state, sent.invited_by) == ("pending", school.owner.user_id)


async def expire(world, school, sql, person, sent) -> None:
    await sql.rows("UPDATE partner.invitations SET expires_at = now() WHERE invitation_id = %s", sent.invitation_id)


async def revoke(world, school, sql, person, sent) -> None:
    await world.wired.invitations.revoke(school.admin.caller, Where(org_id=school.org.org_id), sent.invitation_id)


async def some_minutes_later(sql, sent) -> None:
    older = "UPDATE partner.invitations SET sent_at = sent_at - interval '5 minutes' WHERE invitation_id = %s"
    await sql.rows(older, sent.invitation_id)


async def resend(world, school, sql, person, sent) -> None:
    await some_minutes_later(sql, sent)
    await world.wired.invitations.resend(school.admin.caller, Where(org_id=school.org.org_id), sent.invitation_id)


async def use(world, school, sql, person, sent) -> None:
    await sql.rows(
        "UPDATE partner.invitations SET accepted_at = now(), accepted_by = %s WHERE invitation_id = %s",
        person.user_id,
        sent.invitation_id,
    )


async def suspend_partner(world, school, sql, person, sent) -> None:
    await world.wired.partners.suspend(school.admin.caller, school.partner.partner_id, reason="휴강")


async def close_org(world, school, sql, person, sent) -> None:
    supervisor = await world.supervisor()
    await world.wired.orgs.close(supervisor.caller, school.org.org_id, reason="계약 종료", force=True)


async def move_address(world, school, sql, person, sent) -> None:
    await sql.rows("UPDATE org_partner.users SET email = 'new@example.com' WHERE user_id = %s", person.user_id)


@pytest.mark.parametrize("spoil", [expire, revoke, resend, use, suspend_partner, close_org, move_address])
async def test_every_token_that_does_not_work_gets_the_same_answer_and_is_counted(world, sql, postbox, spoil) -> None:
    school, person = await world.school(), await world.person()
    sent = await world.invite(school, person.email)
    token = await postbox.token(person.email)
    await spoil(world, school, sql, person, sent)

    with pytest.raises(NotFound) as caught:
        await world.wired.acceptances.accept(person.caller, token)

    assert (caught.value.code, caught.value.values) == ("invitation_refused", {})
    refused = "SELECT 1 FROM org_partner.refused_redemptions WHERE user_id = %s"
    assert len(await sql.rows(refused, person.user_id)) == 1
    assert await sql.rows("SELECT 1 FROM partner.memberships WHERE user_id = %s", person.user_id) == []


async def test_another_person_with_the_token_gets_nothing_and_the_right_one_still_can(world, school, postbox) -> None:
    person, thief = await world.person(), await world.person()
    await world.invite(school, person.email)
    token = await postbox.token(person.email)

    for wrong in (token, digests.of_token(token).hex(), token[:-1], token + "x", "", "가", "\x00"):
        assert await world.accepted(thief, wrong) == "invitation_refused"
    assert await world.accepted(person, token) == "accepted"
    assert await world.accepted(person, token) == "invitation_refused"


async def test_a_supervisor_with_anothers_token_gets_no_role_by_it(world, school, postbox) -> None:
    person, supervisor = await world.person(), await world.supervisor()
    await world.invite(school, person.email)

    assert await world.accepted(supervisor, await postbox.token(person.email)) == "invitation_refused"


async def test_of_ten_clicks_at_once_one_accepts(world, school, sql, postbox) -> None:
    person = await world.person()
    await world.invite(school, person.email)
    token = await postbox.token(person.email)

    outcomes = Counter(await asyncio.gather(*(world.accepted(person, token) for _ in range(10))))

    assert outcomes == {"accepted": 1, "invitation_refused": 9}
    assert len(await sql.events(user_id=person.user_id)) == 1


async def test_after_20_wrong_tokens_not_even_the_right_one_is_looked_at(world, school, postbox) -> None:
    person = await world.person()
    await world.invite(school, person.email)
    for _ in range(MAX_REFUSALS):
        assert await world.accepted(person, uuid4().hex) == "invitation_refused"

    with pytest.raises(RateLimited) as caught:
        await world.wired.acceptances.accept(person.caller, await postbox.token(person.email))

    assert caught.value.code == "too_many_wrong_invitations"
    assert 3500 < int(caught.value.headers["Retry-After"]) <= 3600


async def test_somebody_whose_account_is_not_known_here_yet_is_told_to_wait_and_not_counted(
    world, school, sql, postbox
) -> None:
    late = await world.person(announced=False)
    await world.invite(school, late.email)

    assert await world.accepted(late, await postbox.token(late.email)) == "account_on_its_way"
    refused = "SELECT 1 FROM org_partner.refused_redemptions WHERE user_id = %s"
    assert await sql.rows(refused, late.user_id) == []


async def test_whoever_got_a_role_meanwhile_keeps_that_one(world, school, postbox) -> None:
    person = await world.person()
    await world.invite(school, person.email, role=Role.INSTRUCTOR)
    await world.wired.members.add(
        school.owner.caller, school.partner.partner_id, email=person.email, role=Role.ASSISTANT
    )

    membership = await world.wired.acceptances.accept(person.caller, await postbox.token(person.email))

    assert (membership.role, membership.version) == (Role.ASSISTANT, 1)


async def test_another_letter_has_another_token_and_new_seven_days(world, school, sql, postbox) -> None:
    person = await world.person()
    sent = await world.invite(school, person.email)
    first = await postbox.token(person.email)
    await expire(world, school, sql, person, sent)
    await some_minutes_later(sql, sent)

    again = await world.wired.invitations.resend(
        school.admin.caller, Where(partner_id=school.partner.partner_id), sent.invitation_id
    )

    second = await postbox.token(person.email)
    assert first != second
    assert (again.state, again.invitation_id) == ("pending", sent.invitation_id)
    assert (again.expires_at - again.sent_at).days == 7
    assert await world.accepted(person, first) == "invitation_refused"
    assert await world.accepted(person, second) == "accepted"


async def test_what_is_over_is_neither_sent_again_nor_revoked(world, school, postbox) -> None:
    used, revoked = await world.person(), await world.person()
    first, second = [await world.invite(school, each.email) for each in (used, revoked)]
    await world.wired.acceptances.accept(used.caller, await postbox.token(used.email))
    place, invitations = Where(org_id=school.org.org_id), world.wired.invitations
    for _ in range(2):
        await invitations.revoke(school.admin.caller, place, second.invitation_id)

    for invitation_id in (first.invitation_id, second.invitation_id):
        with pytest.raises(Conflict) as caught:
            await invitations.resend(school.admin.caller, place, invitation_id)
        assert caught.value.code == "invitation_over"
    with pytest.raises(Conflict):
        await invitations.revoke(school.admin.caller, place, first.invitation_id)
    # A new one can be sent to the address whose old one was revoked.
    assert (await world.invite(school, revoked.email)).state == "pending"


async def test_invitations_of_others_are_not_there(world, school) -> None:
    sibling, elsewhere = await world.sibling(school), await world.school()
    theirs, foreign, owners = [
        await world.invite(place, f"{uuid4().hex}@example.com", role=role)
        for place, role in ((sibling, Role.ASSISTANT), (elsewhere, Role.ASSISTANT), (school, Role.PARTNER_OWNER))
    ]
    at_partner, invitations = Where(partner_id=school.partner.partner_id), world.wired.invitations

    for act in (invitations.revoke, invitations.resend):
        for invitation_id in (theirs.invitation_id, foreign.invitation_id, uuid4()):
            with pytest.raises(NotFound) as caught:
                await act(school.owner.caller, at_partner, invitation_id)
            assert caught.value.code == "invitation_not_found"
        with pytest.raises(NotFound):
            await act(school.admin.caller, Where(org_id=school.org.org_id), foreign.invitation_id)
        # An owner does not touch what an administrator offered.
        with pytest.raises(Forbidden):
            await act(school.owner.caller, at_partner, owners.invitation_id)


async def test_lists_show_who_was_invited_where_and_how_it_ended(world, sql, postbox) -> None:
    school = await world.school()
    sibling = await world.sibling(school)
    people = {state: await world.person() for state in ("pending", "accepted", "expired", "revoked")}
    sent = {state: await world.invite(school, person.email) for state, person in people.items()}
    elsewhere = await world.invite(sibling, f"{uuid4().hex}@example.com")
    at_org = await world.invite(school, f"{uuid4().hex}@example.com", role=Role.ORG_ADMIN)
    await world.wired.acceptances.accept(people["accepted"].caller, await postbox.token(people["accepted"].email))
    await expire(world, school, sql, None, sent["expired"])
    await revoke(world, school, sql, None, sent["revoked"])

    async def found(**wanted) -> set:
        rows = await world.wired.invitations.list_for_org(school.admin.caller, school.org.org_id, PAGE, **wanted)
        return {row.invitation_id for row in rows}

    for state in ("accepted", "expired", "revoked"):
        assert await found(state=state) == {sent[state].invitation_id}
    pending = {sent["pending"].invitation_id, elsewhere.invitation_id, at_org.invitation_id}
    assert await found(state="pending") == pending
    assert await found(partner_id=sibling.partner.partner_id) == {elsewhere.invitation_id}
    assert await found(text=people["expired"].email.upper()) == {sent["expired"].invitation_id}
    assert len(await found()) == 6
    mine = await world.wired.invitations.list_for_partner(school.owner.caller, school.partner.partner_id, PAGE)
    assert {row.invitation_id for row in mine} == {row.invitation_id for row in sent.values()}
    with pytest.raises(Forbidden):
        await world.wired.invitations.list_for_partner(people["accepted"].caller, school.partner.partner_id, PAGE)


async def test_the_letter_is_proof_enough_for_who_never_verified_the_address(world, school, postbox) -> None:
    person = await world.person(verified=False)
    await world.invite(school, person.email)

    assert await world.accepted(person, await postbox.token(person.email)) == "accepted"


async def test_a_member_who_merely_names_the_address_keeps_no_invitation_from_its_holder(
    world, school, sql, postbox
) -> None:
    member, address = await world.staff(school, Role.ASSISTANT), f"{uuid4().hex}@example.com"
    taken = "UPDATE org_partner.users SET email = %s, email_verified = false WHERE user_id = %s"
    await sql.rows(taken, address, member.user_id)

    assert (await world.invite(school, address)).state == "pending"
    assert len(await postbox.letters(address)) == 1


async def test_the_next_letter_of_an_invitation_has_to_wait_for_five_minutes(world, school, sql, postbox) -> None:
    address, place = f"{uuid4().hex}@example.com", Where(partner_id=school.partner.partner_id)
    sent = await world.invite(school, address)
    first = await postbox.token(address)

    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await world.wired.invitations.resend(school.owner.caller, place, sent.invitation_id)
        assert caught.value.code == "invitation_just_sent"
        assert 280 < int(caught.value.headers["Retry-After"]) <= 300
    assert await postbox.token(address) == first

    await some_minutes_later(sql, sent)
    results = await asyncio.gather(
        *(world.wired.invitations.resend(school.owner.caller, place, sent.invitation_id) for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, RateLimited) for each in results) == 4
    assert len(await postbox.letters(address)) == 2


async def test_three_letters_reach_an_address_in_a_quarter_of_an_hour_whoever_writes_them(world, sql, postbox) -> None:
    schools, address = [await world.school() for _ in range(5)], f"{uuid4().hex}@example.com"

    results = await asyncio.gather(*(world.invite(each, address) for each in schools), return_exceptions=True)

    refused = [each for each in results if isinstance(each, RateLimited)]
    assert [each.code for each in refused] == ["too_many_letters_to_address"] * 2
    assert all(880 < int(each.headers["Retry-After"]) <= 900 for each in refused)
    assert len(await postbox.letters(address)) == 3
    assert (await world.invite(schools[0], f"{uuid4().hex}@example.com")).state == "pending"
    await sql.rows("UPDATE org_partner.sent_letters SET sent_at = sent_at - interval '15 minutes'")
    late = schools[results.index(refused[0])]
    assert (await world.invite(late, address)).state == "pending"
    assert address not in str(await sql.rows("SELECT t::text FROM org_partner.sent_letters t"))


async def test_an_org_writes_so_many_letters_in_a_day_and_others_go_on(world, sql, monkeypatch) -> None:
    monkeypatch.setattr(letter_limits, "MAX_OF_ORG", 3)
    flooding, school = await world.school(), await world.school()
    sibling = await world.sibling(flooding)

    results = await asyncio.gather(
        *(world.invite(place, f"{uuid4().hex}@example.com") for place in (flooding, sibling) * 3),
        return_exceptions=True,
    )

    refused = [each for each in results if isinstance(each, RateLimited)]
    assert [each.code for each in refused] == ["too_many_letters"] * 3
    assert all(86_000 < int(each.headers["Retry-After"]) <= 86_400 for each in refused)
    assert (await world.invite(school, f"{uuid4().hex}@example.com")).state == "pending"
    await sql.rows("UPDATE org_partner.sent_letters SET sent_at = sent_at - interval '1 day'")
    assert (await world.invite(sibling, f"{uuid4().hex}@example.com")).state == "pending"
    await world.wired.periods.tick()
    assert len(await sql.rows("SELECT 1 FROM org_partner.sent_letters")) == 1

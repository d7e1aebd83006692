"""An account that is anonymised: nothing names the person any more, all that was theirs ends, and it is reported."""

import asyncio
import json
from uuid import uuid4

import pytest

from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Conflict, Locale, NotFound
from chassis.paging import Slice
from contracts.identity import Tier, UserAnonymised, UserChanged, UserRegistered, UserStatus
from contracts.ingest import DocumentUploaded
from contracts.org_partner import (
    EnrollmentEnded,
    InvitationEnded,
    InvitationSent,
    MembershipRevoked,
    PersonalDataErased,
    Role,
)
from contracts.tenancy import Tenant

PAGE = Slice(limit=200)


def gone(person, version: int = 5) -> UserAnonymised:
    return UserAnonymised(user_id=person.user_id, version=version, anonymised_at=now())


def changed(person, *, version: int, email: str, status: UserStatus = UserStatus.ACTIVE) -> UserChanged:
    return UserChanged(
        user_id=person.user_id,
        email=email,
        display_name="바뀐 이름",
        tier=Tier.USER,
        locale="ko",
        status=status,
        token_epoch=0,
        version=version,
        changed_at=now(),
    )


async def erase(world, person, **options) -> Delivery:
    delivery = Delivery("org_partner-erase_user", uuid4())
    await world.wired.erasures.erase(gone(person, **options), delivery)
    return delivery


async def known(sql, person) -> list[dict]:
    return await sql.rows(
        "SELECT email, display_name, status FROM org_partner.users WHERE user_id = %s", person.user_id
    )


ERASED = [{"email": None, "display_name": None, "status": "anonymised"}]


async def test_nothing_of_the_person_is_left_in_any_table(world, sql) -> None:
    school, person = await world.school(), await world.person(email=f"canary-{uuid4().hex}@example.com")
    await world.wired.invitations.invite_to_org(
        school.admin.caller, school.org.org_id, email=person.email, locale=Locale.KO
    )
    await world.wired.members.add(
        school.owner.caller, school.partner.partner_id, email=person.email, role=Role.ASSISTANT
    )
    await world.wired.redemptions.redeem(person.caller, (await world.code(school)).code)

    await erase(world, person)

    tables = await sql.rows(
        "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('partner', 'org_partner')"
    )
    assert len(tables) > 15
    for table in tables:
        found = await sql.rows(f"SELECT t::text FROM {table['name']} t WHERE t::text LIKE %s", f"%{person.email}%")
        assert found == [], table["name"]
    assert await known(sql, person) == ERASED


async def test_roles_and_enrolments_end_and_all_is_told(world, sql) -> None:
    school, elsewhere = await world.school(), await world.school()
    person = await world.person()
    added = await world.wired.members.add(
        school.owner.caller, school.partner.partner_id, email=person.email, role=Role.INSTRUCTOR
    )
    await world.wired.redemptions.redeem(person.caller, (await world.code(elsewhere)).code)

    await erase(world, person)

    told = {type(event): event for event in await sql.events(user_id=person.user_id)}
    assert (told[MembershipRevoked].membership_id, told[MembershipRevoked].version) == (added.membership_id, 2)
    ended = told[EnrollmentEnded]
    assert (ended.class_id, ended.org_id, ended.version) == (elsewhere.group.class_id, elsewhere.org.org_id, 2)
    for way in (
        world.wired.partners.get(person.caller, school.partner.partner_id),
        world.wired.classes.get(person.caller, elsewhere.group.class_id),
    ):
        with pytest.raises(NotFound):
            await way
    report = told[PersonalDataErased]
    assert report.remaining == 0
    assert report.erased["org_partner.users"] == 1
    assert report.erased["partner.invitations"] == 0
    history = await sql.rows(
        "SELECT version, action, status FROM partner.enrollment_changes WHERE enrollment_id = %s ORDER BY version",
        ended.enrollment_id,
    )
    assert history[-1] == {"version": 2, "action": "left", "status": "ended"}
    targets = [f"membership/{added.membership_id}", f"enrollment/{ended.enrollment_id}"]
    query = """SELECT action, org_id, detail ->> 'reason' AS reason FROM partner.activities
               WHERE target = ANY(%s) AND actor_id IS NULL"""
    assert {tuple(row.values()) for row in await sql.rows(query, targets)} == {
        ("membership.revoked", school.org.org_id, "account_anonymised"),
        ("enrollment.left", elsewhere.org.org_id, "account_anonymised"),
    }


async def test_even_the_last_administrator_goes(world, sql) -> None:
    school = await world.school()

    await erase(world, school.admin)

    active = "SELECT 1 FROM partner.memberships WHERE org_id = %s AND partner_id IS NULL AND revoked_at IS NULL"
    assert await sql.rows(active, school.org.org_id) == []


async def test_invitations_to_and_open_ones_from_the_person_are_gone(world, sql, postbox) -> None:
    school, person, accepted = await world.school(), await world.person(), await world.person()
    await world.wired.orgs.add_admin(school.admin.caller, school.org.org_id, email=person.email)
    open_, used = f"{uuid4().hex}@example.com", accepted.email
    for email in (open_, used):
        await world.wired.invitations.invite_to_org(person.caller, school.org.org_id, email=email, locale=Locale.KO)
    await world.wired.acceptances.accept(accepted.caller, await postbox.token(used))
    await world.wired.invitations.invite_to_partner(
        school.admin.caller, school.partner.partner_id, email=person.email, role=Role.ASSISTANT, locale=Locale.KO
    )

    await erase(world, person)

    left = await sql.rows("SELECT email FROM partner.invitations WHERE org_id = %s", school.org.org_id)
    assert left == [{"email": used}]
    (report,) = [each for each in await sql.events(user_id=person.user_id) if isinstance(each, PersonalDataErased)]
    assert (report.erased["partner.invitations"], report.remaining) == (2, 0)


async def test_dead_letters_about_the_person_name_nobody_any_more(world, sql) -> None:
    person = await world.person()
    body = json.dumps({"data": {"user_id": str(person.user_id), "email": person.email, "display_name": "김민지"}})
    columns = "id, consumer, stream, stream_seq, subject, body, reason, error, deliveries"
    await sql.rows(
        f"INSERT INTO org_partner.dead_letters ({columns}) VALUES (%s, 'c', 's', 1, 'x', %s, 'r', 'e', 1)",
        uuid4(),
        body,
    )

    await erase(world, person)

    assert await sql.rows("SELECT 1 FROM org_partner.dead_letters WHERE body LIKE %s", f"%{person.email}%") == []


async def test_once_is_once(world, sql) -> None:
    person = await world.person()
    delivery = await erase(world, person)

    with pytest.raises(AlreadyHandled):
        await world.wired.erasures.erase(gone(person), delivery)
    assert len(await sql.events(user_id=person.user_id)) == 1
    await erase(world, person)
    assert (await sql.events(user_id=person.user_id))[-1].erased["org_partner.users"] == 0


async def test_facts_that_come_after_the_erasure_bring_nothing_back(world, sql) -> None:
    school, person = await world.school(), await world.person(announced=False)
    await world.wired.invitations.invite_to_org(
        school.admin.caller, school.org.org_id, email=person.email, locale=Locale.KO
    )
    await erase(world, person)

    await world.announce(person)
    for version, status in ((4, UserStatus.ACTIVE), (9, UserStatus.ACTIVE), (5, UserStatus.ANONYMISED)):
        fact = changed(person, version=version, email=person.email, status=status)
        await world.wired.users.register(fact, Delivery("org_partner-register_user", uuid4()))

    assert await known(sql, person) == ERASED
    assert await sql.rows("SELECT 1 FROM partner.invitations WHERE email = %s", person.email) == []


async def test_what_identity_made_of_the_account_does_not_hide_the_address_from_the_erasure(world, sql) -> None:
    school, person = await world.school(), await world.person()
    await world.wired.invitations.invite_to_org(
        school.admin.caller, school.org.org_id, email=person.email, locale=Locale.KO
    )
    fact = changed(person, version=5, email="anonymised@growfit.invalid", status=UserStatus.ANONYMISED)
    await world.wired.users.register(fact, Delivery("org_partner-register_user", uuid4()))

    await erase(world, person)

    assert await sql.rows("SELECT 1 FROM partner.invitations WHERE email = %s", person.email) == []
    assert await known(sql, person) == ERASED


async def test_nobody_is_given_anything_while_they_are_forgotten(world, sql) -> None:
    """Whichever of the two comes first: afterwards the person has no role."""
    school = await world.school()
    for _ in range(10):
        person = await world.person()
        await asyncio.gather(
            erase(world, person),
            world.wired.members.add(
                school.owner.caller, school.partner.partner_id, email=person.email, role=Role.ASSISTANT
            ),
            return_exceptions=True,
        )
        held = "SELECT 1 FROM partner.memberships WHERE user_id = %s AND revoked_at IS NULL"
        assert await sql.rows(held, person.user_id) == []


async def test_members_who_were_erased_have_no_name_in_lists(world) -> None:
    school, person = await world.school(), await world.person()
    await world.wired.members.add(
        school.owner.caller, school.partner.partner_id, email=person.email, role=Role.ASSISTANT
    )
    await erase(world, person)

    rows = await world.wired.members.list_for_org(school.admin.caller, school.org.org_id, PAGE, ended=True)

    assert [(row.user_id, row.display_name, row.email) for row in rows] == [(person.user_id, None, None)]


async def test_somebody_who_was_never_heard_of_is_reported_as_well(world, sql) -> None:
    person = await world.person(announced=False)

    await erase(world, person)

    (report,) = await sql.events(user_id=person.user_id)
    assert (set(report.erased.values()), report.remaining) == ({0}, 0)
    fact = UserRegistered(
        user_id=person.user_id,
        email=person.email,
        display_name="김민지",
        tier=Tier.USER,
        locale="ko",
        registered_at=now(),
    )
    await world.wired.users.register(fact, Delivery("org_partner-register_user", uuid4()))
    assert await known(sql, person) == ERASED


async def test_titles_of_the_persons_documents_are_gone_and_stay_so(world, sql) -> None:
    person, document_id = await world.person(), uuid4()

    async def tell(version: int) -> None:
        fact = DocumentUploaded(
            document_id=document_id,
            version=version,
            tenant=Tenant(user_id=person.user_id),
            title="내 이력서",
            media_type="application/pdf",
            size_bytes=1,
            uploaded_at=now(),
        )
        await world.wired.documents.note(fact, Delivery("org_partner-note_document", uuid4()))

    await tell(1)
    await erase(world, person)
    (report,) = await sql.events(user_id=person.user_id)
    assert (report.erased["org_partner.documents"], report.remaining) == (1, 0)

    await tell(2)
    titles = await sql.rows("SELECT title FROM org_partner.documents WHERE document_id = %s", document_id)
    assert titles == [{"title": ""}]


async def test_who_never_verified_an_address_takes_nothing_along_that_was_sent_to_it(world, sql, postbox) -> None:
    school, owner = await world.school(), await world.person(announced=False)
    squatter = await world.person(email=f"other-{owner.email}")
    squatted = changed(squatter, version=3, email=owner.email)
    await world.wired.invitations.invite_to_org(
        school.admin.caller, school.org.org_id, email=owner.email, locale=Locale.KO
    )
    await world.wired.users.register(squatted, Delivery("org_partner-register_user", uuid4()))

    await erase(world, squatter)
    # And once more, by a fact that comes late.
    await world.wired.users.register(squatted, Delivery("org_partner-register_user", uuid4()))

    report = (await sql.events(user_id=squatter.user_id))[-1]
    assert (report.erased["partner.invitations"], report.remaining) == (0, 0)
    await world.announce(owner)
    assert await world.wired.acceptances.accept(owner.caller, await postbox.token(owner.email))


async def test_what_a_late_fact_takes_along_is_told_as_ended(world, sql) -> None:
    school, person = await world.school(), await world.person(announced=False)
    sent = await world.wired.invitations.invite_to_org(
        school.admin.caller, school.org.org_id, email=person.email, locale=Locale.KO
    )
    await erase(world, person)

    await world.announce(person)

    told = await sql.events(invitation_id=sent.invitation_id)
    assert [(type(event), event.version) for event in told] == [(InvitationSent, 1), (InvitationEnded, 2)]


async def test_nobody_is_enrolled_again_once_they_are_forgotten(world, sql) -> None:
    school = await world.school()
    other = await world.another_class(school)
    person, enrollment_id = await world.enrolled(school)
    code = (await world.code(other)).code
    await erase(world, person)

    with pytest.raises(Conflict) as caught:
        await world.wired.attendance.resume(school.owner.caller, enrollment_id)
    assert caught.value.code == "account_gone"
    with pytest.raises(NotFound) as refused:
        await world.wired.redemptions.redeem(person.caller, code)
    assert refused.value.code == "invite_code_refused"


@pytest.mark.parametrize("act", ["resume", "redeem", "transfer", "move"])
@pytest.mark.parametrize("_time", range(4))
async def test_whatever_comes_first_nobody_is_anywhere_after_they_are_forgotten(world, sql, act, _time) -> None:
    school = await world.school()
    other, sibling = await world.another_class(school), await world.sibling(school)
    person, enrollment_id = await world.enrolled(school)
    by, code = school.owner.caller, (await world.code(other)).code
    wired, here = world.wired, school.partner.partner_id
    made = await wired.members.add(by, here, email=person.email, role=Role.ASSISTANT)
    if act == "resume":
        await wired.attendance.end(by, enrollment_id)
    acts = {
        "resume": lambda: wired.attendance.resume(by, enrollment_id),
        "redeem": lambda: wired.redemptions.redeem(person.caller, code),
        "transfer": lambda: wired.attendance.transfer(by, enrollment_id, class_id=other.group.class_id),
        "move": lambda: wired.members.move(
            school.admin.caller, here, made.membership_id, into_id=sibling.partner.partner_id
        ),
    }

    erased, done = await asyncio.gather(erase(world, person), acts[act](), return_exceptions=True)

    assert isinstance(erased, Delivery), erased
    # Not `Unavailable`, as which a deadlock is told.
    assert isinstance(done, Conflict | NotFound) or not isinstance(done, BaseException), done
    roles = "SELECT 1 FROM partner.memberships WHERE user_id = %s AND revoked_at IS NULL"
    joined = "partner.enrollments JOIN partner.students USING (student_id)"
    assert await sql.rows(roles, person.user_id) == []
    assert await sql.rows(f"SELECT 1 FROM {joined} WHERE user_id = %s AND status <> 'ended'", person.user_id) == []

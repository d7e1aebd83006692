"""Rosters that come and go as files."""

import asyncio
import csv
import io
from collections import Counter
from datetime import timedelta

import pytest

from chassis.clock import now
from chassis.errors import Conflict, Forbidden, Invalid, Locale, NotFound, RateLimited
from chassis.paging import Slice
from contracts.org_partner import Role, StudentEnrolled
from org_partner.service import letter_limits, rosters

PAGE = Slice(limit=200)


async def send(world, school, addresses, *, person=None, **options) -> list[str]:
    """The outcome of each row."""
    content = "\n".join(["이메일,이름", *(f"{address},이름" for address in addresses)]).encode("cp949")
    verdicts = await world.wired.roster_imports.run(
        (person or school.owner).caller, school.group.class_id, content, locale=Locale.KO, **options
    )
    return [each.message.code for each in verdicts]


async def exported(world, school, person=None, **options) -> list[list[str]]:
    lines = await world.wired.rosters.export(
        (person or school.owner).caller, school.group.class_id, **{"locale": Locale.KO} | options
    )
    content = b"".join([line async for line in lines])
    assert content.startswith(b"\xef\xbb\xbf")
    return [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]


async def in_class(world, school) -> set:
    rows = await world.wired.enrollments.list_students(school.owner.caller, school.group.class_id, PAGE)
    return {row.user_id for row in rows if row.status == "active"}


async def test_each_row_gets_its_own_outcome_and_bad_ones_keep_no_other_out(world, sql) -> None:
    school = await world.school()
    people, there = [await world.person() for _ in range(3)], await world.student(school)
    stranger = f"nobody-{school.org.org_id.hex}@example.com"
    addresses = [
        people[0].email,
        "주소가 아님",
        people[1].email.upper(),
        people[0].email,
        there.email,
        stranger,
        people[2].email,
    ]

    outcomes = await send(world, school, addresses)

    expected = ["enrolled", "invalid", "enrolled", "invalid", "already", "unknown_user", "enrolled"]
    assert outcomes == expected
    assert await in_class(world, school) == {person.user_id for person in (*people, there)}
    query = "SELECT detail FROM partner.activities WHERE action = 'students.imported' AND class_id = %s"
    (told,) = await sql.rows(query, school.group.class_id)
    assert told["detail"] == Counter(expected)


async def test_everybody_who_is_enrolled_gets_what_the_class_gives_and_is_told_of(world, school, sql) -> None:
    document_id = await world.document(school.owner)
    won = {"amount": 5, "currency": "KRW", "period": "total"}
    made = await world.another_class(school, student_budget=won, material_ids=[document_id])
    people = [await world.person() for _ in range(3)]

    await send(world, made, [person.email for person in people])

    for person in people:
        (view,) = await world.wired.enrollments.list_own(person.caller, PAGE)
        (event,) = await sql.events(enrollment_id=view.enrollment_id)
        assert (type(event), event.budget.amount, event.material_ids) == (StudentEnrolled, 5, [document_id])
        (change,) = await world.wired.enrollments.list_history(school.owner.caller, view.enrollment_id, PAGE)
        assert (change.action, change.actor_id, change.detail) == (
            "enrolled",
            school.owner.user_id,
            {"by": "roster"},
        )


async def test_sent_again_and_again_nothing_changes(world, sql) -> None:
    school = await world.school()
    addresses = [(await world.person()).email for _ in range(3)]
    await send(world, school, addresses)
    before = await sql.rows("SELECT count(*) FROM org_partner.outbox WHERE subject LIKE '%%student.enrolled%%'")

    assert await send(world, school, addresses) == ["already"] * 3

    after = await sql.rows("SELECT count(*) FROM org_partner.outbox WHERE subject LIKE '%%student.enrolled%%'")
    assert after == before


async def test_the_same_file_five_times_at_once_enrols_each_once(world, sql) -> None:
    school = await world.school()
    people = [await world.person() for _ in range(10)]

    outcomes = await asyncio.gather(*(send(world, school, [person.email for person in people]) for _ in range(5)))

    assert Counter(outcome for each in outcomes for outcome in each) == {"enrolled": 10, "already": 40}
    assert await in_class(world, school) == {person.user_id for person in people}


async def test_two_classes_take_the_same_people_in_another_order_at_once(world) -> None:
    school = await world.school()
    other = await world.another_class(school)
    addresses = [(await world.person()).email for _ in range(30)]

    first, second = await asyncio.gather(send(world, school, addresses), send(world, other, list(reversed(addresses))))

    assert first == second == ["enrolled"] * 30


async def test_a_dry_run_says_what_would_happen_and_does_nothing(world, sql, postbox) -> None:
    school = await world.school()
    person, stranger = await world.person(), f"dry-{school.org.org_id.hex}@example.com"

    outcomes = await send(world, school, [person.email, stranger], dry_run=True, invite_unknown=True)

    assert outcomes == ["enrolled", "invited"]
    assert await in_class(world, school) == set()
    assert await postbox.letters(stranger) == []
    assert await sql.rows("SELECT 1 FROM partner.invite_codes WHERE class_id = %s", school.group.class_id) == []
    query = "SELECT 1 FROM partner.activities WHERE action = 'students.imported' AND class_id = %s"
    assert await sql.rows(query, school.group.class_id) == []


async def test_the_first_rows_get_the_seats(world) -> None:
    school = await world.another_class(await world.school(), capacity=3)
    await world.student(school)
    people = [await world.person() for _ in range(4)]

    assert await send(world, school, [person.email for person in people]) == [
        "enrolled",
        "enrolled",
        "class_full",
        "class_full",
    ]
    assert len(await in_class(world, school)) == 3


async def test_imports_and_codes_at_once_never_fill_a_class_over(world) -> None:
    school = await world.another_class(await world.school(), capacity=10)
    code = (await world.code(school, max_uses=50)).code
    listed, coming = [await world.person() for _ in range(8)], [await world.person() for _ in range(8)]

    await asyncio.gather(
        send(world, school, [person.email for person in listed]),
        *(world.wired.redemptions.redeem(person.caller, code) for person in coming),
        return_exceptions=True,
    )

    assert len(await in_class(world, school)) == 10


async def test_whom_the_staff_took_out_the_staff_may_list_again(world, school) -> None:
    person, enrollment_id = await world.enrolled(school)
    await world.wired.attendance.end(school.owner.caller, enrollment_id)

    assert await send(world, school, [person.email]) == ["enrolled"]
    assert (await world.wired.enrollments.get(person.caller, enrollment_id)).version == 3


async def test_who_is_paused_stays_paused(world, school) -> None:
    person, enrollment_id = await world.enrolled(school)
    await world.wired.attendance.pause(school.owner.caller, enrollment_id)

    assert await send(world, school, [person.email]) == ["already"]
    assert (await world.wired.enrollments.get(person.caller, enrollment_id)).status == "paused"


async def test_strangers_are_sent_a_code_of_their_own_once(world, sql, postbox) -> None:
    school = await world.school()
    address = f"new-{school.org.org_id.hex}@example.com"
    for _ in range(2):
        assert await send(world, school, [address], invite_unknown=True) == ["invited"]

    ((subject, text),) = await postbox.letters(address)
    assert school.group.name not in subject
    assert f'"{school.group.name}"' in text
    code = text.split("join#code=", 1)[1].split()[0]
    assert f"초대 코드: {code}" in text
    (row,) = await sql.rows("SELECT * FROM partner.invite_codes WHERE class_id = %s", school.group.class_id)
    assert row["max_uses"] == 1
    assert address not in str(row)

    person = await world.person(email=address)
    await world.wired.redemptions.redeem(person.caller, code)
    assert await in_class(world, school) == {person.user_id}
    assert await send(world, school, [address], invite_unknown=True) == ["already"]
    assert len(await postbox.letters(address)) == 1


async def test_a_code_that_cannot_be_used_any_more_is_replaced(world, sql, postbox) -> None:
    school = await world.school()
    address = f"late-{school.org.org_id.hex}@example.com"
    await send(world, school, [address], invite_unknown=True)
    await sql.rows("UPDATE partner.invite_codes SET expires_at = now() WHERE class_id = %s", school.group.class_id)

    await send(world, school, [address], invite_unknown=True)

    assert len(await postbox.letters(address)) == 2
    await world.wired.periods.tick()
    columns = "recipient_hash IS NULL AS gone, expires_at > now() AS good"
    kept = await sql.rows(f"SELECT {columns} FROM partner.invite_codes WHERE class_id = %s", school.group.class_id)
    assert sorted((row["good"], row["gone"]) for row in kept) == [(False, True), (True, False)]


async def test_an_invitation_takes_no_seat(world) -> None:
    school = await world.another_class(await world.school(), capacity=1)
    person, stranger = await world.person(), f"x-{school.group.class_id.hex}@example.com"

    assert await send(world, school, [stranger, person.email], invite_unknown=True) == ["invited", "enrolled"]


async def test_a_class_that_takes_nobody(world, school) -> None:
    draft, closed = await world.another_class(school, status="draft"), await world.another_class(school)
    await world.wired.periods.close(school.owner.caller, closed.group.class_id)
    person = await world.person()

    for each, code in ((draft, "class_is_draft"), (closed, "class_is_closed")):
        with pytest.raises(Conflict) as caught:
            await send(world, each, [person.email])
        assert caught.value.code == code


async def test_a_file_that_is_none_enrols_nobody(world, school) -> None:
    with pytest.raises(Invalid):
        await world.wired.roster_imports.run(school.owner.caller, school.group.class_id, b"\x00\x01", locale=Locale.KO)


async def test_a_thousand_at_once(world, sql) -> None:
    school = await world.school()
    query = """
        WITH made AS (INSERT INTO "user".app_user (user_id, email, display_name, tier)
            SELECT gen_random_uuid(), 'mass-' || n || %s, '학생', 'user' FROM generate_series(1, 1000) n
            RETURNING user_id, email)
        INSERT INTO org_partner.users (user_id, email, email_verified, display_name, told_at)
        SELECT user_id, email, true, '학생', now() FROM made"""
    domain = f"@{school.org.org_id.hex}.example.com"
    await sql.rows(query, domain)

    outcomes = await send(world, school, [f"mass-{number}{domain}" for number in range(1, 1001)])

    assert outcomes == ["enrolled"] * 1000
    counted = """SELECT count(*) AS number FROM org_partner.outbox
        WHERE payload->'data'->>'class_id' = %s AND subject LIKE '%%student.enrolled%%'"""
    assert await sql.rows(counted, str(school.group.class_id)) == [{"number": 1000}]


async def test_who_may_send_and_fetch_rosters(world, school) -> None:
    assistant, student = await world.staff(school, Role.ASSISTANT), await world.student(school)
    stranger, sibling = await world.person(), await world.sibling(school)

    for person, error in (
        (assistant, Forbidden),
        (student, Forbidden),
        (stranger, NotFound),
        (sibling.owner, NotFound),
    ):
        with pytest.raises(error):
            await send(world, school, ["a@example.com"], person=person)
        with pytest.raises(error):
            await exported(world, school, person)


async def test_an_export_has_everybody_page_by_page_and_can_be_sent_back(world, monkeypatch) -> None:
    monkeypatch.setattr(rosters, "_PAGE", 2)
    school = await world.school()
    people = [await world.student(school) for _ in range(5)]

    head, *lines = await exported(world, school)

    assert head[:3] == ["이메일", "이름", "상태"]
    assert [line[0] for line in lines] == [person.email for person in reversed(people)]
    assert {line[2] for line in lines} == {"수강 중"}
    content = "\n".join(",".join(line) for line in (head, *lines)).encode()
    verdicts = await world.wired.roster_imports.run(
        school.owner.caller, school.group.class_id, content, locale=Locale.KO
    )
    assert {each.message.code for each in verdicts} == {"already"}


async def test_an_export_in_english_of_some_of_them(world) -> None:
    school = await world.school()
    _, enrollment_id = await world.enrolled(school)
    await world.student(school)
    await world.wired.attendance.pause(school.owner.caller, enrollment_id)

    head, line = await exported(world, school, locale=Locale.EN, status="paused")

    assert (head[0], line[2], line[5]) == ("email", "paused", str(enrollment_id))
    seoul = now() + timedelta(hours=9)
    assert line[3][:10] in {f"{seoul:%Y-%m-%d}", f"{seoul - timedelta(hours=1):%Y-%m-%d}"}


async def test_a_name_that_is_a_formula_is_only_text(world, sql) -> None:
    school = await world.school()
    person = await world.student(school)
    await sql.rows(
        "UPDATE org_partner.users SET display_name = %s WHERE user_id = %s", '=HYPERLINK("http://x")', person.user_id
    )

    _, line = await exported(world, school)

    assert line[1] == '\'=HYPERLINK("http://x")'


async def test_an_export_is_told_to_the_log(world, sql) -> None:
    school = await world.school()
    await exported(world, school)

    query = "SELECT actor_id FROM partner.activities WHERE action = 'students.exported' AND class_id = %s"
    assert await sql.rows(query, school.group.class_id) == [{"actor_id": school.owner.user_id}]


async def test_whoever_has_not_verified_the_address_is_a_stranger(world, postbox) -> None:
    school = await world.school()
    person = await world.person(verified=False)

    assert await send(world, school, [person.email]) == ["unknown_user"]
    assert await send(world, school, [person.email], invite_unknown=True) == ["invited"]

    assert await in_class(world, school) == set()
    ((_, text),) = await postbox.letters(person.email)
    await world.wired.redemptions.redeem(person.caller, text.split("join#code=", 1)[1].split()[0])
    assert await in_class(world, school) == {person.user_id}


async def test_rows_beyond_the_days_letters_are_named_and_the_rest_is_done(world, postbox, monkeypatch) -> None:
    monkeypatch.setattr(letter_limits, "MAX_OF_ORG", 2)
    school, person = await world.school(), await world.person()
    strangers = [f"{name}-{school.org.org_id.hex}@example.com" for name in "abcd"]

    for dry_run in (True, False):
        outcomes = await send(world, school, [*strangers, person.email], invite_unknown=True, dry_run=dry_run)
        assert outcomes == ["invited", "invited", "mail_limit", "mail_limit", "enrolled"]
    assert [len(await postbox.letters(each)) for each in strangers] == [1, 1, 0, 0]
    assert await in_class(world, school) == {person.user_id}

    monkeypatch.setattr(letter_limits, "MAX_OF_ORG", 4)
    assert await send(world, school, strangers, invite_unknown=True) == ["invited"] * 4
    assert [len(await postbox.letters(each)) for each in strangers] == [1, 1, 1, 1]


async def test_an_import_writes_to_nobody_who_has_got_three_letters_just_now(world, postbox) -> None:
    schools, address = [await world.school() for _ in range(4)], "flooded@imports.example.com"

    outcomes = [await send(world, each, [address], invite_unknown=True) for each in schools]

    assert outcomes == [["invited"], ["invited"], ["invited"], ["mail_limit"]]
    assert len(await postbox.letters(address)) == 3


@pytest.mark.parametrize("locale", list(Locale))
async def test_a_roster_that_comes_back_as_it_went_changes_nothing(world, locale) -> None:
    school = await world.school()
    (_, paused), (_, ended), (left, gone) = [await world.enrolled(school) for _ in range(3)]
    await world.student(school)
    await world.wired.attendance.pause(school.owner.caller, paused)
    await world.wired.attendance.end(school.owner.caller, ended)
    await world.wired.attendance.leave(left.caller, gone)
    before = await exported(world, school, locale=locale)
    content = "\n".join(",".join(row) for row in before).encode()

    verdicts = await world.wired.roster_imports.run(
        school.owner.caller, school.group.class_id, content, locale=locale, invite_unknown=True
    )

    assert Counter(each.message.code for each in verdicts) == {"already": 2, "ended": 2}
    assert await exported(world, school, locale=locale) == before


async def test_a_trial_is_recorded_because_its_answer_tells_who_has_an_account(world, sql) -> None:
    school = await world.school()
    await send(world, school, [(await world.person()).email, "nobody@example.com"], dry_run=True)

    query = "SELECT action, detail FROM partner.activities WHERE action LIKE 'students.%%' AND class_id = %s"
    (told,) = await sql.rows(query, school.group.class_id)
    assert told == {"action": "students.import_tried", "detail": {"enrolled": 1, "unknown_user": 1}}


async def test_one_partner_leaves_letters_to_the_others(world, monkeypatch) -> None:
    monkeypatch.setattr(letter_limits, "MAX_OF_PARTNER", 3)
    school = await world.school()
    sibling = await world.sibling(school)
    strangers = [f"{name}-{school.org.org_id.hex}@example.com" for name in "abcde"]

    outcomes = await send(world, school, strangers, invite_unknown=True)

    assert Counter(outcomes) == {"invited": 3, "mail_limit": 2}
    with pytest.raises(RateLimited) as caught:
        await world.wired.invitations.invite_to_partner(
            school.owner.caller, school.partner.partner_id, email=strangers[4], role=Role.ASSISTANT, locale=Locale.KO
        )
    assert caught.value.code == "too_many_letters_of_partner"
    assert await send(world, sibling, strangers[3:], invite_unknown=True) == ["invited"] * 2
    await world.wired.invitations.invite_to_org(
        school.admin.caller, school.org.org_id, email=f"f-{strangers[0]}", locale=Locale.KO
    )

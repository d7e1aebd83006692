"""Dashboards: each number against a scene that was made for it."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from chassis.delivery import Delivery
from chassis.errors import Forbidden, Invalid, NotFound
from contracts.ingest import DocumentDeleted, DocumentUploaded
from contracts.org_partner import Role
from contracts.rag import MessageAnswered
from contracts.tenancy import Tenant
from contracts.usage import Outcome
from org_partner.service import dashboards, days
from org_partner.service.dashboards import DayFigures

# In Seoul: the 10th at 00:30, the 12th at 23:30 and the 13th at 00:30.
TENTH, TWELFTH, THIRTEENTH = (
    datetime(2026, 3, day, hour, 30, tzinfo=UTC) for day, hour in ((9, 15), (12, 14), (12, 15))
)
FIRST, LAST = date(2026, 3, 10), date(2026, 3, 12)


def inside(place, person) -> Tenant:
    ids = {"org_id": place.org.org_id, "partner_id": place.partner.partner_id, "class_id": place.group.class_id}
    return Tenant(**ids, user_id=person.user_id)


@pytest.fixture
def ask(world):
    async def asking(place, person, at: datetime, outcome: Outcome = Outcome.COMPLETED, times: int = 1) -> None:
        for _ in range(times):
            fact = MessageAnswered(
                message_id=uuid4(),
                conversation_id=uuid4(),
                tenant=inside(place, person),
                model="m",
                outcome=outcome,
                citation_count=0,
                duration_ms=1,
                answered_at=at,
            )
            await world.wired.activities.note_answer(fact, Delivery("org_partner-note_answer", uuid4()))

    return asking


@pytest.fixture
def upload(world):
    async def uploading(place, person, at: datetime, *, gone: bool = False) -> None:
        tenant, document_id = inside(place, person), uuid4()
        facts: list = [
            DocumentUploaded(
                document_id=document_id,
                version=1,
                tenant=tenant,
                title="t",
                media_type="text/plain",
                size_bytes=1,
                uploaded_at=at,
            )
        ]
        if gone:
            facts.append(
                DocumentDeleted(document_id=document_id, version=2, tenant=tenant, chunks_deleted=0, deleted_at=at)
            )
        for fact in facts:
            await world.wired.documents.note(fact, Delivery("org_partner-note_document", uuid4()))

    return uploading


@pytest.fixture
def enrolled(world, sql):
    async def enrolling(place, at: datetime, status: str = "active"):
        student = await world.student(place)
        query = """UPDATE partner.enrollments SET enrolled_at = %s, status = %s WHERE class_id = %s AND student_id =
            (SELECT student_id FROM partner.students WHERE user_id = %s)"""
        await sql.rows(query, at, status, place.group.class_id, student.user_id)
        return student

    return enrolling


@pytest.fixture
async def school(world):
    return await world.school()


@pytest.fixture
def boards(world):
    return world.wired.dashboards


async def of_partner(boards, place, first=FIRST, last=LAST):
    return await boards.of_partner(place.owner.caller, place.partner.partner_id, first=first, last=last)


async def test_a_new_place_has_zeroes_for_every_day(boards, school) -> None:
    found = await of_partner(boards, school)

    assert found.by_day == [DayFigures(FIRST + timedelta(days=passed)) for passed in range(3)]
    assert found.figures.classes == {"draft": 0, "scheduled": 0, "open": 1, "closed": 0}
    assert found.figures.students == {"active": 0, "paused": 0, "ended": 0}
    assert (found.figures.questions, found.figures.documents, found.figures.codes) == (0, 0, 0)
    assert found.figures.last_activity_at is None
    ((part),) = found.parts
    assert (part.id, part.name, part.state, part.figures.questions) == (
        school.group.class_id,
        school.group.name,
        "open",
        0,
    )


async def test_questions_by_day_class_and_outcome_within_days_of_seoul(boards, world, school, ask) -> None:
    student = await world.student(school)
    await ask(school, student, TENTH, times=2)
    await ask(school, student, TENTH - timedelta(hours=1))  # The 9th.
    await ask(school, student, TWELFTH, Outcome.FAILED)
    await ask(school, student, TWELFTH, Outcome.CANCELLED)
    await ask(school, student, THIRTEENTH)

    found = await of_partner(boards, school)

    figures = found.figures
    assert (figures.questions, figures.answered, figures.failed, figures.cancelled) == (4, 2, 1, 1)
    assert [(day.day.day, day.questions, day.failed, day.cancelled) for day in found.by_day] == [
        (10, 2, 0, 0),
        (11, 0, 0, 0),
        (12, 2, 1, 1),
    ]
    assert found.parts[0].figures.questions == 4
    assert figures.last_activity_at == THIRTEENTH


async def test_students_once_each_in_their_best_and_enrolments_on_their_day(
    boards, world, school, sql, enrolled
) -> None:
    twice = await enrolled(school, TENTH, "ended")
    other = await world.sibling(school)
    # A second class of the same partner.
    second = await world.wired.classes.create(
        school.owner.caller, school.partner.partner_id, course_id=school.course.course_id, name="둘째 강의"
    )
    both = type(other)(school.org, school.partner, school.course, second, school.admin, school.owner)
    await world.wired.redemptions.redeem(twice.caller, (await world.code(both)).code)
    query = "UPDATE partner.enrollments SET enrolled_at = %s WHERE class_id = %s"
    await sql.rows(query, TWELFTH, second.class_id)
    await enrolled(school, TENTH, "paused")
    await enrolled(school, THIRTEENTH, "ended")
    await enrolled(other, TENTH)

    found = await of_partner(boards, school)

    assert found.figures.students == {"active": 1, "paused": 1, "ended": 1}
    assert [day.new_enrollments for day in found.by_day] == [2, 0, 1]
    parts = {part.id: part.figures.students for part in found.parts}
    assert parts == {
        second.class_id: {"active": 1, "paused": 0, "ended": 0},
        school.group.class_id: {"active": 0, "paused": 1, "ended": 2},
    }


async def test_active_students_are_those_who_did_something_within_the_days(boards, world, school, ask, upload) -> None:
    asking, uploading, idle, earlier = [await world.student(school) for _ in range(4)]
    await ask(school, asking, TENTH, times=3)
    await ask(school, asking, TWELFTH)
    await upload(school, uploading, TWELFTH)
    await ask(school, earlier, TENTH - timedelta(days=1))
    # A teacher's question counts as one and makes no student.
    await ask(school, school.owner, TENTH)

    found = await of_partner(boards, school)

    assert idle
    assert found.figures.active_students == found.parts[0].figures.active_students == 2
    assert (found.figures.questions, found.figures.uploads) == (5, 1)
    assert [day.uploads for day in found.by_day] == [0, 0, 1]


async def test_documents_that_are_there_and_codes_that_can_be_used(boards, world, school, sql, upload) -> None:
    student = await world.student(school)  # Used one of five.
    await upload(school, student, TENTH)
    await upload(school, student, TENTH, gone=True)
    await world.code(school, max_uses=10)
    revoked = await world.code(school, max_uses=100)
    await world.wired.invite_codes.revoke(school.owner.caller, school.group.class_id, revoked.row.invite_code_id)
    expired = await world.code(school, max_uses=100)
    query = "UPDATE partner.invite_codes SET expires_at = now() WHERE invite_code_id = %s"
    await sql.rows(query, expired.row.invite_code_id)

    found = await of_partner(boards, school)

    assert (found.figures.documents, found.figures.codes, found.figures.uses_left) == (1, 2, 14)
    assert found.parts[0].figures.documents == 1


async def test_an_org_sums_its_partners_and_nothing_of_another_org(boards, world, school, ask, enrolled) -> None:
    sibling, other = await world.sibling(school), await world.school()
    for place, times in ((school, 2), (sibling, 3), (other, 7)):
        await ask(place, await enrolled(place, TENTH), TENTH, times=times)
    # The same person at both partners is one student and one active student of the org.
    person = await enrolled(school, TENTH)
    await world.wired.redemptions.redeem(person.caller, (await world.code(sibling)).code)
    for place in (school, sibling):
        await ask(place, person, TWELFTH)

    found = await boards.of_org(school.admin.caller, school.org.org_id, first=FIRST, last=LAST)

    assert (found.figures.questions, found.figures.active_students) == (7, 3)
    assert found.figures.students["active"] == 3
    assert found.figures.classes["open"] == 2
    parts = {part.id: (part.figures.questions, part.figures.active_students, part.state) for part in found.parts}
    assert parts == {school.partner.partner_id: (3, 2, "active"), sibling.partner.partner_id: (4, 2, "active")}


async def test_a_class_is_a_part_of_its_partner(boards, world, school, ask) -> None:
    await ask(school, await world.student(school), TENTH)

    found = await boards.of_class(school.owner.caller, school.group.class_id, first=FIRST, last=LAST)

    whole = await of_partner(boards, school)
    assert found.figures == whole.figures
    assert found.by_day == whole.by_day
    assert found.parts == []


async def test_without_days_it_is_the_last_thirty(boards, school) -> None:
    before = days.today()
    found = await of_partner(boards, school, None, None)

    assert before <= found.days.last <= days.today()
    assert found.days.first == found.days.last - timedelta(days=29)
    assert len(found.by_day) == 30


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [(LAST, FIRST, "days_reversed"), (date(2025, 1, 1), date(2026, 1, 2), "days_too_many")],
)
async def test_days_that_cannot_be_asked_for(boards, school, first, last, code) -> None:
    with pytest.raises(Invalid) as caught:
        await of_partner(boards, school, first, last)

    assert caught.value.code == code


async def test_beyond_the_bound_the_newest_are_listed_and_all_are_counted(boards, school, sql, monkeypatch) -> None:
    monkeypatch.setattr(dashboards, "MAX_PARTS", 3)
    await sql.rows(
        """INSERT INTO partner.classes (class_id, org_id, partner_id, course_id, name, created_at)
        SELECT gen_random_uuid(), %s, %s, %s, 'c' || n, now() + n * interval '1 s' FROM generate_series(1, 4) n""",
        school.org.org_id,
        school.partner.partner_id,
        school.course.course_id,
    )

    found = await of_partner(boards, school)

    assert ([part.name for part in found.parts], found.has_more_parts) == (["c4", "c3", "c2"], True)
    assert found.figures.classes["open"] == 5


async def test_who_may_look(boards, world, school) -> None:
    people = {
        "admin": school.admin,
        "owner": school.owner,
        "instructor": await world.staff(school, Role.INSTRUCTOR),
        "assistant": await world.staff(school, Role.ASSISTANT),
        "student": await world.student(school),
        "sibling": (await world.sibling(school)).owner,
        "other": (await world.school()).admin,
    }
    found = {}
    for name, person in people.items():
        found[name] = []
        for which, place in (
            (boards.of_org, school.org.org_id),
            (boards.of_partner, school.partner.partner_id),
            (boards.of_class, school.group.class_id),
        ):
            try:
                await which(person.caller, place, first=FIRST, last=LAST)
                found[name].append("ok")
            except (NotFound, Forbidden) as error:
                found[name].append(type(error).__name__)

    assert found == {
        "admin": ["ok", "ok", "ok"],
        "owner": ["Forbidden", "ok", "ok"],
        "instructor": ["Forbidden", "ok", "ok"],
        "assistant": ["Forbidden", "ok", "ok"],
        "student": ["NotFound", "NotFound", "Forbidden"],
        "sibling": ["Forbidden", "NotFound", "NotFound"],
        "other": ["NotFound", "NotFound", "NotFound"],
    }

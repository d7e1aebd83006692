"""The activity log: what is told by other services' facts, and who reads and exports what."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Forbidden, Invalid, Locale, NotFound
from chassis.paging import Slice
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentUploaded
from contracts.org_partner import Role
from contracts.rag import MessageAnswered
from contracts.tenancy import Tenant
from contracts.usage import Outcome
from org_partner.service.activity_logs import OfClass, OfOrg, OfPartner, Wanted

PAGE = Slice(limit=200)
AT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # The 21st in Seoul.


def inside(school, person) -> Tenant:
    return Tenant(
        org_id=school.org.org_id,
        partner_id=school.partner.partner_id,
        class_id=school.group.class_id,
        user_id=person.user_id,
    )


def answered(tenant: Tenant, *, at: datetime = AT, outcome: Outcome = Outcome.COMPLETED, **changes) -> MessageAnswered:
    values = {
        "message_id": uuid4(),
        "conversation_id": uuid4(),
        "tenant": tenant,
        "model": "growfit-extractive",
        "outcome": outcome,
        "citation_count": 2,
        "duration_ms": 900,
        "answered_at": at,
    }
    return MessageAnswered(**(values | changes))


def uploaded(tenant: Tenant, *, document_id: UUID | None = None) -> DocumentUploaded:
    return DocumentUploaded(
        document_id=document_id or uuid4(),
        version=1,
        tenant=tenant,
        title="비밀 상담 기록.pdf",
        media_type="application/pdf",
        size_bytes=1234,
        uploaded_at=AT,
    )


def deleted(tenant: Tenant, document_id: UUID) -> DocumentDeleted:
    return DocumentDeleted(
        document_id=document_id, version=3, tenant=tenant, chunks_deleted=3, deleted_at=AT + timedelta(hours=1)
    )


def delivery(handler: str, event_id: UUID | None = None) -> Delivery:
    return Delivery(f"org_partner-{handler}", event_id or uuid4())


@pytest.fixture
async def school(world):
    return await world.school()


@pytest.fixture
def log(world):
    return world.wired.activities


@pytest.fixture
def logs(world):
    return world.wired.activity_logs


@pytest.fixture
def learned(world, school, sql):
    """Rows of the class's log that are acts of learning, and its counts."""

    async def found() -> tuple[list[dict], list[dict]]:
        acts = await sql.rows(
            """SELECT action, actor_id, target, detail, occurred_at FROM partner.activities
            WHERE class_id = %s AND (action LIKE 'question.%%' OR action LIKE 'document.%%')
            ORDER BY occurred_at, action""",
            school.group.class_id,
        )
        counts = await sql.rows(
            """SELECT day::text, user_id, questions, failed, cancelled, uploads, last_at
            FROM partner.class_activity_daily WHERE class_id = %s ORDER BY day, user_id""",
            school.group.class_id,
        )
        return acts, counts

    return found


async def test_an_answer_is_an_activity_without_its_text_and_counts_on_its_day_in_seoul(
    log, world, school, learned
) -> None:
    student = await world.student(school)
    fact = answered(inside(school, student))

    await log.note_answer(fact, delivery("note_answer"))

    acts, counts = await learned()
    assert acts == [
        {
            "action": "question.answered",
            "actor_id": student.user_id,
            "target": f"message/{fact.message_id}",
            "detail": {"outcome": "completed", "model": "growfit-extractive", "citations": 2},
            "occurred_at": AT,
        }
    ]
    assert counts == [
        {
            "day": "2026-11-21",
            "user_id": student.user_id,
            "questions": 1,
            "failed": 0,
            "cancelled": 0,
            "uploads": 0,
            "last_at": AT,
        }
    ]


async def test_answers_add_up_by_outcome_in_whatever_order_they_come(log, world, school, learned) -> None:
    tenant = inside(school, await world.student(school))
    facts = [
        answered(tenant, at=AT + timedelta(minutes=5)),
        answered(tenant, outcome=Outcome.FAILED),
        answered(tenant, outcome=Outcome.CANCELLED, at=AT - timedelta(minutes=5)),
        answered(tenant, at=AT - timedelta(hours=1)),
    ]

    await asyncio.gather(*(log.note_answer(fact, delivery("note_answer")) for fact in facts))

    _, counts = await learned()
    assert [(row["day"], row["questions"], row["failed"], row["cancelled"]) for row in counts] == [
        ("2026-11-20", 1, 0, 0),
        ("2026-11-21", 3, 1, 1),
    ]
    assert counts[1]["last_at"] == AT + timedelta(minutes=5)


async def test_the_same_answer_counts_once_however_it_is_delivered(log, world, school, learned) -> None:
    fact, once = answered(inside(school, await world.student(school))), delivery("note_answer")

    await log.note_answer(fact, once)
    with pytest.raises(AlreadyHandled):
        await log.note_answer(fact, once)
    await log.note_answer(fact, delivery("note_answer"))

    acts, counts = await learned()
    assert (len(acts), counts[0]["questions"]) == (1, 1)


async def test_what_is_personal_or_of_no_class_is_not_told(log, world, school, sql, learned) -> None:
    student = await world.student(school)
    for tenant in (Tenant(user_id=student.user_id), Tenant(user_id=student.user_id, org_id=school.org.org_id)):
        fact = answered(tenant)
        await log.note_answer(fact, delivery("note_answer"))
        assert await sql.rows("SELECT 1 FROM partner.activities WHERE target = %s", f"message/{fact.message_id}") == []

    assert await learned() == ([], [])


async def test_a_forged_tenant_is_refused_and_leaves_nothing(log, world, school, sql) -> None:
    student, other, sibling = await world.student(school), await world.school(), await world.sibling(school)
    mine = inside(school, student)
    for forged in (
        mine.model_copy(update={"org_id": other.org.org_id}),
        mine.model_copy(update={"partner_id": other.partner.partner_id}),
        mine.model_copy(update={"partner_id": sibling.partner.partner_id}),
        mine.model_copy(update={"class_id": other.group.class_id}),
        mine.model_copy(update={"class_id": uuid4()}),
        # Somebody of another org: the log would show their name and address to people who never met them.
        mine.model_copy(update={"user_id": other.owner.user_id}),
        mine.model_copy(update={"user_id": uuid4()}),
    ):
        answer, upload = answered(forged), uploaded(forged)
        with pytest.raises(Invalid) as caught:
            await log.note_answer(answer, delivery("note_answer"))
        assert caught.value.code == "event_disagrees"
        with pytest.raises(Invalid):
            await world.wired.documents.note(upload, delivery("note_document"))
        targets = [f"message/{answer.message_id}", f"document/{upload.document_id}"]
        assert await sql.rows("SELECT 1 FROM partner.activities WHERE target = ANY(%s)", targets) == []


async def test_documents_of_a_class_are_told_when_they_come_and_go_never_by_their_title(
    world, school, learned, sql
) -> None:
    student, document_id = await world.student(school), uuid4()
    tenant = inside(school, student)
    facts = [
        uploaded(tenant, document_id=document_id),
        ChunksEmbedded(
            document_id=document_id,
            version=2,
            tenant=tenant,
            title="비밀 상담 기록.pdf",
            scopes=[],
            page_count=1,
            chunk_count=3,
            index="i",
            model="m",
            dimension=384,
            embedded_at=AT,
        ),
        deleted(tenant, document_id),
    ]
    for fact in facts * 2:
        await world.wired.documents.note(fact, delivery("note_document"))

    acts, counts = await learned()
    assert [(act["action"], act["actor_id"], act["target"]) for act in acts] == [
        ("document.uploaded", student.user_id, f"class/{school.group.class_id}"),
        ("document.deleted", student.user_id, f"class/{school.group.class_id}"),
    ]
    assert str(document_id) not in str(acts)
    assert acts[0]["detail"] == {"media_type": "application/pdf", "size_bytes": 1234}
    assert "비밀" not in str(acts)
    assert [(row["uploads"], row["questions"]) for row in counts] == [(1, 0)]


@pytest.mark.parametrize("shared", [True, False], ids=["open to the class", "open to another one"])
async def test_which_document_it_was_is_told_where_the_class_could_find_it(world, school, learned, shared) -> None:
    other, document_id, tenant = await world.another_class(school), uuid4(), inside(school, school.owner)
    place = {"document_id": document_id, "tenant": tenant}
    await world.wired.documents.note(uploaded(tenant, document_id=document_id), delivery("note_document"))
    await world.shared(school.owner, school if shared else other, **place)
    await world.wired.documents.note(deleted(tenant, document_id), delivery("note_document"))

    acts, _ = await learned()
    at_class = f"class/{school.group.class_id}"
    assert [act["target"] for act in acts] == [at_class, f"document/{document_id}" if shared else at_class]


async def test_a_deletion_that_overtakes_the_upload_is_told_as_well(world, school, learned) -> None:
    student, document_id = await world.student(school), uuid4()
    tenant = inside(school, student)
    for fact in (deleted(tenant, document_id), uploaded(tenant, document_id=document_id)):
        await world.wired.documents.note(fact, delivery("note_document"))

    acts, _ = await learned()
    assert [act["action"] for act in acts] == ["document.uploaded", "document.deleted"]


async def test_who_did_what_with_names_newest_first(logs, log, world, school) -> None:
    student = await world.student(school)
    await log.note_answer(answered(inside(school, student), at=datetime.now(UTC)), delivery("note_answer"))

    rows = await logs.list_of(school.owner.caller, OfClass(school.group.class_id), PAGE, Wanted())

    assert rows[0].action == "question.answered"
    assert (rows[0].actor_name, rows[0].actor_email) == ("김민지", student.email)
    assert [row.occurred_at for row in rows] == sorted((row.occurred_at for row in rows), reverse=True)
    assert {"class.created", "invite_code.issued"} <= {row.action for row in rows}


async def test_each_log_holds_its_own_place_alone(logs, log, world, school) -> None:
    sibling, other = await world.sibling(school), await world.school()
    for place in (school, sibling, other):
        await log.note_answer(answered(inside(place, await world.student(place))), delivery("note_answer"))

    async def classes(person, which) -> set:
        rows = await logs.list_of(person.caller, which, PAGE, Wanted(action="question.answered"))
        return {row.class_id for row in rows}

    mine, theirs = school.group.class_id, sibling.group.class_id
    assert await classes(school.admin, OfOrg(school.org.org_id)) == {mine, theirs}
    assert await classes(school.owner, OfPartner(school.partner.partner_id)) == {mine}
    assert await classes(school.owner, OfClass(mine)) == {mine}
    assert await classes(await world.supervisor(), OfOrg(other.org.org_id)) == {other.group.class_id}


async def test_acts_above_a_class_are_in_the_log_above_alone(logs, school) -> None:
    org = await logs.list_of(school.admin.caller, OfOrg(school.org.org_id), PAGE, Wanted())
    partner = await logs.list_of(school.owner.caller, OfPartner(school.partner.partner_id), PAGE, Wanted())

    assert {row.action for row in org} >= {"org.created", "partner.created", "class.created"}
    assert {row.partner_id for row in partner} == {school.partner.partner_id}
    assert "org.created" not in {row.action for row in partner}


async def test_filters_each_and_together(logs, log, world, school) -> None:
    sibling, student = await world.sibling(school), await world.student(school)
    fact = answered(inside(school, student))
    await log.note_answer(fact, delivery("note_answer"))
    await log.note_answer(answered(inside(school, student), at=AT - timedelta(days=3)), delivery("note_answer"))
    org = OfOrg(school.org.org_id)

    async def count(**wanted) -> int:
        return len(await logs.list_of(school.admin.caller, org, PAGE, Wanted(**wanted)))

    asked = {"action": "question.answered"}
    assert await count(**asked) == await count(action_prefix="question.") == 2
    assert await count(actor_id=student.user_id, action_prefix="question") == 2
    assert await count(target=f"message/{fact.message_id}") == 1
    assert await count(**asked, class_id=school.group.class_id, partner_id=school.partner.partner_id) == 2
    assert await count(**asked, class_id=sibling.group.class_id) == 0
    assert await count(**asked, partner_id=sibling.partner.partner_id) == 0
    day = AT.date() + timedelta(days=1)
    assert await count(**asked, first=day, last=day) == 1
    assert await count(**asked, last=day - timedelta(days=1)) == 1
    assert await count(**asked, first=day + timedelta(days=1)) == 0
    # The underscore is a letter here, not LIKE's any letter.
    assert await count(action_prefix="invite.code") == 0
    assert await count(action_prefix="que_tion") == 0
    with pytest.raises(Invalid):
        await count(first=day, last=day - timedelta(days=1))


async def test_who_may_read(logs, world, school) -> None:
    places = (OfOrg(school.org.org_id), OfPartner(school.partner.partner_id), OfClass(school.group.class_id))
    people = {
        "admin": school.admin,
        "owner": school.owner,
        "instructor": await world.staff(school, Role.INSTRUCTOR),
        "assistant": await world.staff(school, Role.ASSISTANT),
        "student": await world.student(school),
        "sibling": (await world.sibling(school)).owner,
        "stranger": await world.person(),
    }

    async def answer(person, which) -> list[str]:
        outcomes = []
        for call in (
            lambda: logs.list_of(person.caller, which, PAGE, Wanted()),
            lambda: logs.export(person.caller, which, Wanted(), locale=Locale.KO),
        ):
            try:
                await call()
                outcomes.append("ok")
            except (NotFound, Forbidden) as error:
                outcomes.append(type(error).__name__)
        return outcomes

    found = {}
    for name, person in people.items():
        both = [await answer(person, which) for which in places]
        assert all(first == second for first, second in both)
        found[name] = [first for first, _ in both]
    assert found == {
        "admin": ["ok", "ok", "ok"],
        "owner": ["Forbidden", "ok", "ok"],
        "instructor": ["Forbidden", "ok", "ok"],
        "assistant": ["Forbidden", "Forbidden", "Forbidden"],
        "student": ["NotFound", "NotFound", "Forbidden"],
        "sibling": ["Forbidden", "NotFound", "NotFound"],
        "stranger": ["NotFound", "NotFound", "NotFound"],
    }


async def read(lines) -> list[list[str]]:
    content = b"".join([line async for line in lines])
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


async def test_an_export_holds_all_of_it_and_is_an_activity_itself(logs, world, school, sql) -> None:
    student = await world.student(school)
    await sql.rows(
        """INSERT INTO partner.activities (activity_id, org_id, partner_id, class_id, actor_id, action, target, detail)
        SELECT gen_random_uuid(), %s, %s, %s, %s, 'test.done', 'x/' || n, '{}' FROM generate_series(1, 1201) n""",
        school.org.org_id,
        school.partner.partner_id,
        school.group.class_id,
        student.user_id,
    )

    lines = await logs.export(
        school.owner.caller, OfClass(school.group.class_id), Wanted(action="test.done"), locale=Locale.KO
    )
    head, *rows = await read(lines)

    assert head[:4] == ["시각", "활동", "이름", "이메일"]
    assert {row[5] for row in rows} == {f"x/{number}" for number in range(1, 1202)}
    assert len(rows) == 1201
    assert {row[3] for row in rows} == {student.email}
    query = "SELECT actor_id, detail FROM partner.activities WHERE action = 'activities.exported' AND class_id = %s"
    assert await sql.rows(query, school.group.class_id) == [
        {"actor_id": school.owner.user_id, "detail": {"filters": {"action": "test.done"}}}
    ]


async def test_no_cell_is_a_formula(logs, world, school, sql) -> None:
    name = "=cmd|' /C calc'!A0"
    await sql.rows("UPDATE org_partner.users SET display_name = %s WHERE user_id = %s", name, school.owner.user_id)

    lines = await logs.export(school.owner.caller, OfClass(school.group.class_id), Wanted(), locale=Locale.EN)
    _, *rows = await read(lines)

    shown = {row[2] for row in rows if row[4] == str(school.owner.user_id)}
    assert shown == {f"'{name}"}


async def test_an_export_ends_when_the_right_to_it_does(logs, world, school, sql) -> None:
    person = await world.staff(school, Role.INSTRUCTOR)
    lines = await logs.export(person.caller, OfClass(school.group.class_id), Wanted(), locale=Locale.KO)

    await sql.rows("DELETE FROM partner.memberships WHERE user_id = %s", person.user_id)

    with pytest.raises(NotFound):
        await read(lines)

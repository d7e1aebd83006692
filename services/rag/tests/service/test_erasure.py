"""An anonymised user: their conversations go, are reported once, and nothing of them comes back."""

import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from chassis import dead_letters
from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import Conflict, NotFound, Unauthenticated
from chassis.fate import Attempt, Verdict
from contracts.envelope import decode, encode, wrap
from contracts.rag import MessageAnswered, PersonalDataErased
from contracts.usage import Outcome

CODE = "초대 코드는 발급한 때부터 72시간 동안 쓸 수 있습니다."


@pytest.fixture
def erase(wired):
    async def erased(user_id: UUID, delivery: Delivery | None = None) -> None:
        await wired.erasure.erase(user_id, once=delivery or Delivery("rag-erase_user", uuid4()))

    return erased


@pytest.fixture
def reports(sql):
    async def told(user_id: UUID) -> list[PersonalDataErased]:
        return await sql.events(PersonalDataErased, user_id=user_id)

    return told


@pytest.fixture
def left(sql):
    """What the database still holds of a user, besides that they are erased."""

    async def counts(user_id: UUID) -> dict[str, int]:
        queries = {
            "conversations": 'SELECT 1 FROM "user".conversations WHERE user_id = %s',
            "messages": """SELECT 1 FROM "user".messages m JOIN "user".conversations c USING (conversation_id)
                WHERE user_id = %s""",
            "memberships": "SELECT 1 FROM rag.memberships WHERE user_id = %s",
            "projects": 'SELECT 1 FROM "user".projects WHERE owner_id = %s',
            "agents": 'SELECT 1 FROM "user".agents WHERE owner_id = %s',
            "documents": """SELECT 1 FROM rag.documents WHERE owner_id = %s
                AND (is_live OR title <> '' OR scopes <> '{}')""",
        }
        return {name: len(await sql.rows(query, user_id)) for name, query in queries.items()}

    return counts


NOTHING = dict.fromkeys(("conversations", "messages", "memberships", "projects", "agents", "documents"), 0)


async def test_everything_of_the_user_goes_and_nothing_of_others(
    client, library, provider, erase, reports, left
) -> None:
    school = await library.open_school()
    teacher, student = school.teacher, school.student
    document_id = await library.add(CODE, scopes=[teacher.scope, school.scope], place=school.place(teacher))
    for person in (teacher, student):
        conversation = await client.open(person, class_id=str(school.class_id))
        await client.answer(person, conversation)
        await client.open(person)
        await client.ask(person, "POST", "/projects", json={"name": "논문"})
        for name in ("하나", "둘"):
            await client.ask(person, "POST", "/agents", json={"name": name})
    await erase(teacher.user_id)

    assert await left(teacher.user_id) == NOTHING
    assert await left(student.user_id) == {
        **NOTHING,
        "conversations": 2,
        "messages": 2,
        "memberships": 1,
        "projects": 1,
        "agents": 2,
    }
    (report,) = await reports(teacher.user_id)
    assert (report.erased, report.remaining) == (
        {
            "user.messages": 2,
            "user.conversations": 2,
            "user.projects": 1,
            "user.agents": 2,
            "rag.documents": 1,
            "rag.memberships": 1,
            "rag.dead_letters": 0,
        },
        0,
    )
    with pytest.raises(NotFound):
        await library.wired.conversations.open(student.user_id, title="", class_id=None, document_ids=[document_id])


async def test_whoever_has_nothing_is_reported_too_and_once(erase, reports, another) -> None:
    user_id, delivery = another().user_id, Delivery("rag-erase_user", uuid4())
    await erase(user_id, delivery)
    with pytest.raises(AlreadyHandled):
        await erase(user_id, delivery)
    await erase(user_id)

    (report,) = await reports(user_id)
    assert (set(report.erased.values()), report.remaining) == ({0}, 0)


async def test_an_answer_that_is_being_written_brings_nothing_back(
    client, library, person, provider, erase, reports, left, sql
) -> None:
    """Its reader reads on, it is booked, and no word of it is kept."""
    await library.add(CODE, scopes=[person.scope])
    conversation = await client.open(person)
    provider.behave(waits_after=2)
    async with client.question(person, conversation) as events:
        seen = [await anext(events) for _ in range(3)]
        await erase(person.user_id)
        provider.go_on.set()
        seen += [event async for event in events]

    assert seen[-1][0] == "done"
    assert await left(person.user_id) == NOTHING
    message_id = seen[0][1]["message_id"]
    assert await sql.rows('SELECT 1 FROM "user".messages WHERE message_id = %s', message_id) == []
    usage = await sql.usage(f"message/{message_id}")
    assert set(usage) == {"embedding", "chat"}
    (answered,) = await sql.events(MessageAnswered, message_id=message_id)
    assert answered.outcome is Outcome.COMPLETED
    (report,) = await reports(person.user_id)
    assert (report.erased["user.messages"], report.remaining) == (2, 0)


async def test_a_client_that_leaves_after_the_erasure_brings_nothing_back(
    client, library, person, provider, erase, left
) -> None:
    await library.add(CODE, scopes=[person.scope])
    conversation = await client.open(person)
    provider.behave(waits_after=2)
    async with client.question(person, conversation) as events:
        for _ in range(3):
            await anext(events)
        await erase(person.user_id)
    await asyncio.wait_for(provider.left.wait(), 10)
    await client.app.state.wired.answers.close()

    assert await left(person.user_id) == NOTHING


async def test_whoever_is_erased_opens_and_asks_nothing_more(client, person, erase, left, problem) -> None:
    """With a token that is still good for some seconds."""
    conversation = await client.open(person)
    await erase(person.user_id)

    problem(await client.ask(person, "POST", "/conversations", json={}), 401, "session_ended")
    path = f"/conversations/{conversation}/messages"
    problem(await client.ask(person, "POST", path, json={"text": "있나요?"}), 404, "conversation_not_found")
    assert await left(person.user_id) == NOTHING


async def test_whatever_is_written_at_the_same_time_is_gone_or_refused(wired, another, erase, left) -> None:
    for _ in range(5):
        user_id = another().user_id
        opened = await wired.conversations.open(user_id, title="", class_id=None, document_ids=[])

        async def ask(user_id=user_id, conversation_id=opened.conversation_id) -> None:
            with suppress(NotFound, Conflict):
                await wired.answers.begin(user_id, conversation_id, "무엇인가요?")

        async def open_more(user_id=user_id) -> None:
            with suppress(Unauthenticated):
                await wired.conversations.open(user_id, title="", class_id=None, document_ids=[])

        await asyncio.gather(*(ask() for _ in range(3)), *(open_more() for _ in range(3)), erase(user_id))
        assert await left(user_id) == NOTHING


async def test_a_question_and_the_deletion_of_its_conversation_do_not_meet(wired, another) -> None:
    """Whoever asks in a conversation that is deleted at this moment is told that it is gone."""
    for _ in range(10):
        person = another()
        made = await wired.conversations.open(person.user_id, title="", class_id=None, document_ids=[])
        ends = await asyncio.gather(
            wired.answers.begin(person.user_id, made.conversation_id, "무엇인가요?"),
            wired.conversations.delete(person.principal, made.conversation_id),
            return_exceptions=True,
        )
        assert not [end for end in ends if isinstance(end, Exception) and not isinstance(end, NotFound)]
        assert ends[1] is None


async def test_what_is_told_late_of_an_erased_user_leaves_no_trace(library, erase, left) -> None:
    school = await library.open_school()
    teacher = school.teacher
    event = library.embedded(uuid4(), scopes=[teacher.scope], title="비밀 일기")
    await library.admit(event)
    await erase(teacher.user_id)
    await library.tell(*school.facts()[:3])
    await library.admit(
        library.shared(event, teacher.scope),
        library.embedded(uuid4(), scopes=[teacher.scope], title="늦은 일기"),
        library.deleted(event.document_id, teacher, version=1),
    )

    assert await left(teacher.user_id) == NOTHING


async def test_titles_go_from_the_dead_letters_too(library, wired, person, erase, reports, sql) -> None:
    event = library.embedded(uuid4(), scopes=[person.scope], title="비밀 일기")
    body = encode(wrap(event, event_id=uuid4(), time=now()))
    async with wired.database.transaction() as session:
        facts = {"consumer": "rag-admit_document", "subject": event.type, "verdict": Verdict("defect", "?")}
        await dead_letters.bury(session, body=body, attempt=Attempt("INGEST", 4_000, 1, last=True), **facts)
    await erase(person.user_id)

    assert (await reports(person.user_id))[0].erased["rag.dead_letters"] == 1
    (row,) = await sql.rows("SELECT body FROM rag.dead_letters WHERE stream_seq = 4000")
    kept = decode(row["body"].encode()).data
    assert (kept.title, kept.document_id) == ("", event.document_id)

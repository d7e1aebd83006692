"""Conversations are one person's: opened, listed, read, deleted."""

from uuid import UUID, uuid4

import pytest

from contracts.audit import AuditOutcome
from contracts.rag import AuditRecorded

TEXT = "수료증은 과정이 끝난 뒤 7일 안에 발급합니다."


async def test_a_conversation_is_opened_and_read(client, library, person) -> None:
    document_id = await library.add(TEXT, scopes=[person.scope])
    answer = await client.ask(
        person, "POST", "/conversations", json={"title": "수료증", "document_ids": [str(document_id), str(document_id)]}
    )

    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/conversations/{body['conversation_id']}"
    assert (body["title"], body["class_id"], body["document_ids"]) == ("수료증", None, [str(document_id)])
    assert (await client.ask(person, "GET", answer.headers["location"])).json() == body
    assert (await client.ask(person, "GET", f"{answer.headers['location']}/messages")).json()["items"] == []


async def test_a_class_conversation_belongs_to_its_tenant(client, library, sql) -> None:
    school = await library.open_school()
    conversation_id = await client.open(school.student, class_id=str(school.class_id))

    (row,) = await sql.rows('SELECT * FROM "user".conversations WHERE conversation_id = %s', conversation_id)
    assert (row["org_id"], row["partner_id"], row["class_id"]) == (school.org_id, school.partner_id, school.class_id)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/messages")])
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_somebody_elses_is_not_there(client, person, another, problem, method, path, language) -> None:
    conversation_id = await client.open(person)
    options = {"json": {"text": "무엇인가요?"}} if method == "POST" else {}
    answers = [
        await client.ask(another(), method, f"/conversations/{each}{path}", language, **options)
        for each in (conversation_id, uuid4())
    ]

    foreign, missing = (problem(answer, 404, "conversation_not_found") for answer in answers)
    assert foreign["detail"] == missing["detail"]
    assert ("대화를 찾을" in foreign["detail"]) == (language == "ko")
    assert (await client.ask(person, "GET", f"/conversations/{conversation_id}")).status_code == 200


async def test_a_teacher_does_not_see_a_students_conversations(client, library) -> None:
    school = await library.open_school()
    await client.open(school.student, class_id=str(school.class_id))

    for person in (school.teacher, school.admin):
        listed = await client.ask(person, "GET", "/conversations", params={"class_id": str(school.class_id)})
        assert listed.json()["items"] == []


async def test_documents_and_classes_of_others_are_not_there(client, library, person, another, problem) -> None:
    school, foreign = await library.open_school(), await library.add(TEXT, scopes=[another().scope])
    bodies = {
        "document_not_found": [{"document_ids": [str(each)]} for each in (foreign, uuid4())],
        "class_not_found": [{"class_id": str(each)} for each in (school.class_id, uuid4())],
    }
    for code, wrong in bodies.items():
        for body in wrong:
            problem(await client.ask(person, "POST", "/conversations", json=body), 404, code)

    assert (await client.ask(person, "GET", "/conversations")).json()["items"] == []


async def test_pages_and_filters(client, library, problem) -> None:
    school = await library.open_school()
    person = school.student
    titles = ["100% 답", "10_점", "수업 질문", "Guide"]
    for title in titles:
        await client.open(person, title=title, class_id=str(school.class_id) if title == "수업 질문" else None)

    async def listed(**query) -> list[str]:
        answer = await client.ask(person, "GET", "/conversations", params=query)
        return [item["title"] for item in answer.json()["items"]]

    assert await listed() == titles[::-1]
    assert await listed(title="%") == ["100% 답"]
    assert await listed(title="_") == ["10_점"]
    assert await listed(title="guide") == ["Guide"]
    assert await listed(class_id=str(school.class_id)) == ["수업 질문"]
    problem(
        await client.ask(person, "GET", "/conversations", params={"class_id": str(uuid4())}), 404, "class_not_found"
    )
    first = (await client.ask(person, "GET", "/conversations", params={"limit": 3})).json()
    assert [item["title"] for item in first["items"]] == titles[:0:-1]
    rest = {"limit": 3, "cursor": first["next_cursor"]}
    assert (await client.ask(person, "GET", "/conversations", params=rest)).json()["next_cursor"] is None
    assert await listed(**rest) == titles[:1]


async def test_a_deleted_conversation_takes_its_messages_along_and_leaves_its_usage(
    client, library, person, sql, provider
) -> None:
    await library.add(TEXT, scopes=[person.scope])
    conversation_id = await client.open(person)
    events = await client.answer(person, conversation_id)
    message_id = events[0][1]["message_id"]
    answer = await client.ask(person, "DELETE", f"/conversations/{conversation_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert await sql.rows('SELECT 1 FROM "user".messages WHERE conversation_id = %s', conversation_id) == []
    assert set(await sql.usage(f"message/{message_id}")) == {"embedding", "chat"}
    assert (await client.ask(person, "DELETE", f"/conversations/{conversation_id}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"title": "가" * 201},
        {"title": "널\x00"},
        {"title": 5},
        {"document_ids": ["x"]},
        {"document_ids": [str(UUID(int=7))] * 101},
        {"class_id": "x"},
        {"user_id": str(UUID(int=7))},
        [],
    ],
    ids=str,
)
async def test_wrong_conversations(client, person, problem, body) -> None:
    problem(await client.ask(person, "POST", "/conversations", json=body), 422, "validation_failed")


@pytest.mark.parametrize(
    "query", [{"title": "널\x00"}, {"title": "가" * 101}, {"limit": 0}, {"class_id": "x"}], ids=str
)
async def test_wrong_list_queries(client, person, problem, query) -> None:
    problem(await client.ask(person, "GET", "/conversations", params=query), 422, "validation_failed")


@pytest.mark.parametrize(
    "body",
    [
        {"text": ""},
        {"text": " \n\t "},
        {"text": "가" * 4001},
        {"text": "널\x00"},
        {"text": None},
        {"text": "a", "role": "x"},
        {},
    ],
    ids=["empty", "blank", "long", "NUL", "null", "another field", "nothing"],
)
async def test_wrong_questions(client, person, problem, sql, body) -> None:
    conversation_id = await client.open(person)
    answer = await client.ask(person, "POST", f"/conversations/{conversation_id}/messages", json=body)

    problem(answer, 422, "validation_failed")
    assert await sql.rows('SELECT 1 FROM "user".messages WHERE conversation_id = %s', conversation_id) == []


@pytest.mark.parametrize("bad", ["not-a-uuid", "1", "%00"])
async def test_ids_that_are_none(client, person, problem, bad) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages")):
        problem(await client.ask(person, method, f"/conversations/{bad}{path}"), 422, "validation_failed")


async def test_a_deletion_stands_in_the_audit_log_once(client, library, another, sql) -> None:
    school = await library.open_school()
    conversation_id = await client.open(school.student, class_id=str(school.class_id), title="비밀 질문")
    path, target = f"/conversations/{conversation_id}", f"conversation/{conversation_id}"
    assert (await client.ask(another(), "DELETE", path)).status_code == 404
    assert await sql.events(AuditRecorded, target=target) == []
    answer = await client.ask(school.student, "DELETE", path)
    assert (await client.ask(school.student, "DELETE", path)).status_code == 404

    (entry,) = await sql.events(AuditRecorded, target=target)
    assert (entry.action, entry.outcome, entry.detail) == ("conversation.deleted", AuditOutcome.SUCCEEDED, {})
    assert (entry.actor_id, entry.request_id) == (school.student.user_id, answer.headers["x-request-id"])
    assert (entry.org_id, entry.partner_id, entry.class_id) == (school.org_id, school.partner_id, school.class_id)

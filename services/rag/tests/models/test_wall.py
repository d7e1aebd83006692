"""Row-level security holds where a query has forgotten its filter: as the service's own role, without any condition."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from chassis import tenant
from chassis.tenant import Context
from contracts.tenancy import Tenant

TABLES = [
    *('"user".conversations', '"user".messages', "rag.documents", "rag.memberships", "rag.classes", "rag.tenants"),
    *("rag.erased_users", '"user".projects', '"user".agents'),
]
NEW_CONVERSATION = """INSERT INTO "user".conversations (conversation_id, user_id, org_id)
    VALUES (gen_random_uuid(), :user_id, :org_id)"""
NEW_MESSAGE = """INSERT INTO "user".messages (message_id, conversation_id, role, text, state)
    VALUES (gen_random_uuid(), :conversation_id, 'user', 't', 'completed')"""
NEW_DOCUMENT = """INSERT INTO rag.documents (document_id, owner_id, org_id, title, scopes, is_live, version)
    VALUES (gen_random_uuid(), :user_id, :org_id, 't', :scopes, true, 2)"""


@pytest.fixture(scope="module")
def run(wired):
    """`run(context, "SELECT …")`: the first column of what the service's role gets, or the rows that it changed."""

    async def statement(context: Context | None, query: str, **values: Any) -> Any:
        async with wired.database.transaction(context) as session:
            result = await session.execute(text(query), values)
            return list(result.scalars()) if result.returns_rows else result.rowcount

    return statement


@pytest.fixture(scope="module")
async def schools(library, wired):
    """Two schools; in each a student's conversation in class, with a question, a document of the class, one of none."""
    made = []
    for _ in range(2):
        school = await library.open_school()
        teacher, student = school.teacher, school.student
        conversation = await wired.conversations.open(
            student.user_id, title="질문", class_id=school.class_id, document_ids=[]
        )
        personal = await wired.conversations.open(student.user_id, title="혼자", class_id=None, document_ids=[])
        await wired.answers.begin(student.user_id, conversation.conversation_id, "무엇인가요?")
        document, own = uuid4(), uuid4()
        scopes = [teacher.scope, school.scope]
        await library.admit(
            library.embedded(document, scopes=scopes, place=school.place(teacher)),
            library.embedded(own, scopes=[student.scope]),
        )
        made.append((school, conversation.conversation_id, personal.conversation_id, document, own))
    return made


async def test_a_person_sees_their_own_rows_and_their_orgs_and_no_others(schools, run) -> None:
    (school, conversation, personal, document, own), _ = schools
    seen = {
        name: tenant.of_user(person.user_id)
        for name, person in {"student": school.student, "teacher": school.teacher}.items()
    }
    conversations = 'SELECT conversation_id FROM "user".conversations'
    assert set(await run(seen["student"], conversations)) == {conversation, personal}
    assert set(await run(seen["teacher"], conversations)) == {conversation}
    messages = 'SELECT DISTINCT conversation_id FROM "user".messages'
    assert await run(seen["student"], messages) == [conversation]
    documents = "SELECT document_id FROM rag.documents"
    assert set(await run(seen["student"], documents)) == {document, own}
    assert set(await run(seen["teacher"], documents)) == {document}
    assert await run(seen["student"], "SELECT class_id FROM rag.classes") == [school.class_id]


async def test_without_a_context_nothing_is_there_and_nothing_can_be_written(schools, run) -> None:
    for table in TABLES:
        assert await run(None, f"SELECT count(*) FROM {table}") == [0]
    for table in ('"user".conversations', '"user".messages', "rag.memberships"):
        assert await run(None, f"DELETE FROM {table}") == 0
    with pytest.raises(ProgrammingError, match="row-level security"):
        await run(None, NEW_CONVERSATION, user_id=uuid4(), org_id=None)


async def test_a_stranger_sees_nothing(schools, run, another) -> None:
    for table in TABLES:
        assert await run(tenant.of_user(another().user_id), f"SELECT count(*) FROM {table}") == [0]


async def test_nothing_of_another_org_is_written(schools, run, another) -> None:
    (school, *_), (other, conversation, personal, document, own) = schools
    context = tenant.of_user(school.teacher.user_id)
    wrong = [
        *((NEW_CONVERSATION, {"user_id": uuid4(), "org_id": org_id}) for org_id in (other.org_id, None)),
        *((NEW_MESSAGE, {"conversation_id": each}) for each in (conversation, personal)),
        (NEW_DOCUMENT, {"user_id": uuid4(), "org_id": other.org_id, "scopes": [other.scope]}),
        # A class of one's own org shows a document, and lets nobody make one.
        (NEW_DOCUMENT, {"user_id": uuid4(), "org_id": None, "scopes": [school.scope]}),
    ]
    for statement, values in wrong:
        with pytest.raises(ProgrammingError, match="row-level security"):
            await run(context, statement, **values)
    for query in (
        'DELETE FROM "user".conversations WHERE conversation_id IN (:a, :b)',
        """UPDATE "user".messages SET text = 'mine' WHERE conversation_id IN (:a, :b)""",
    ):
        assert await run(context, query, a=conversation, b=personal) == 0
    query = "UPDATE rag.documents SET is_live = false WHERE document_id IN (:a, :b)"
    assert await run(context, query, a=document, b=own) == 0


async def test_an_event_s_tenant_opens_that_tenant_alone(schools, run) -> None:
    (school, conversation, personal, *_), (other, *_) = schools
    student = school.student.user_id
    query = 'SELECT conversation_id FROM "user".conversations'
    assert set(await run(tenant.of_tenant(Tenant(user_id=student)), query)) == {conversation, personal}
    org = Tenant(org_id=school.org_id, user_id=school.teacher.user_id)
    assert await run(tenant.of_tenant(org), query) == [conversation]
    forged = Tenant(org_id=other.org_id, user_id=uuid4())
    assert {conversation, personal} & set(await run(tenant.of_tenant(forged), query)) == set()


async def test_a_document_of_no_org_is_seen_through_the_class_it_is_shared_with_and_not_changed(
    library, schools, run
) -> None:
    (school, *_), (other, *_) = schools
    document_id, context = uuid4(), tenant.of_user(school.student.user_id)
    personal = library.embedded(document_id, scopes=[school.teacher.scope])
    await library.admit(personal)
    query = "SELECT count(*) FROM rag.documents WHERE document_id = :id"
    assert await run(context, query, id=document_id) == [0]
    await library.admit(library.shared(personal, school.teacher.scope, school.scope))

    assert await run(context, query, id=document_id) == [1]
    assert await run(tenant.of_user(other.student.user_id), query, id=document_id) == [0]
    for change in ("is_live = false", f"owner_id = '{school.student.user_id}'", f"org_id = '{school.org_id}'"):
        assert await run(context, f"UPDATE rag.documents SET {change} WHERE document_id = :id", id=document_id) == 0


async def test_scopes_that_are_no_classes_show_nothing_and_break_nothing(schools, run) -> None:
    (school, *_), _ = schools
    odd = ["class:", "class:x", f"class:{'z' * 36}", f"class:{'-' * 36}", "user:x", ""]
    await run(tenant.PLATFORM, NEW_DOCUMENT, user_id=uuid4(), org_id=None, scopes=odd)

    assert await run(tenant.of_user(school.student.user_id), "SELECT count(*) FROM rag.documents") != [0]


async def test_projects_and_agents_are_their_owners_and_an_agent_its_orgs_too(schools, run, library) -> None:
    (school, *_), (other, *_) = schools
    teacher, student = school.teacher, school.student
    project = await library.wired.projects.create(teacher.user_id, name="논문")
    texts = {"name": "도우미", "description": "", "instructions": ""}
    personal = await library.wired.agents.create(teacher.principal, class_id=None, **texts)
    shared = await library.wired.agents.create(teacher.principal, class_id=school.class_id, **texts)
    queries = ['SELECT project_id FROM "user".projects', 'SELECT agent_id FROM "user".agents']
    seen = {}
    for name, who in {"teacher": teacher, "student": student, "stranger": other.student}.items():
        context = tenant.of_user(who.user_id)
        seen[name] = [each for query in queries for each in await run(context, query)]

    assert set(seen["teacher"]) == {project.project_id, personal.agent_id, shared.agent_id}
    assert seen["student"] == [shared.agent_id]
    assert seen["stranger"] == []
    new = """INSERT INTO "user".projects (project_id, owner_id, name) VALUES (gen_random_uuid(), :owner, 'x')"""
    with pytest.raises(ProgrammingError, match="row-level security"):
        await run(tenant.of_user(student.user_id), new, owner=teacher.user_id)


async def test_a_document_of_no_org_is_seen_through_an_agent_and_not_changed(schools, run, library) -> None:
    (school, *_), (other, *_) = schools
    texts = {"name": "도우미", "description": "", "instructions": ""}
    agent = await library.wired.agents.create(school.teacher.principal, class_id=school.class_id, **texts)
    event = library.embedded(uuid4(), scopes=[school.teacher.scope, f"agent:{agent.agent_id}"])
    await library.admit(event)
    query = "SELECT count(*) FROM rag.documents WHERE document_id = :id"
    student = tenant.of_user(school.student.user_id)

    assert await run(student, query, id=event.document_id) == [1]
    assert await run(tenant.of_user(other.student.user_id), query, id=event.document_id) == [0]
    update = "UPDATE rag.documents SET title = 'mine' WHERE document_id = :id"
    assert await run(student, update, id=event.document_id) == 0
    await run(
        tenant.PLATFORM,
        'UPDATE "user".agents SET org_id = NULL, class_id = NULL WHERE agent_id = :id',
        id=agent.agent_id,
    )
    assert await run(student, query, id=event.document_id) == [0]

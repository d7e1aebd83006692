"""Agents: a person's own assistants, and those of the classes that they are in."""

import asyncio
from uuid import uuid4

import pytest

from chassis.clock import now
from contracts.org_partner import EnrollmentEnded, MembershipRevoked
from contracts.rag import AgentCreated, AgentDeleted, AgentShared, AuditRecorded
from contracts.tenancy import Tenant
from rag.service.agents import MAX_AGENTS


@pytest.fixture
def create(client):
    async def made(person, **body) -> str:
        answer = await client.ask(person, "POST", "/agents", json={"name": "과제 도우미", **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["agent_id"])

    return made


async def test_an_agent_is_made_changed_and_deleted_and_others_are_told(client, library, create, sql, problem) -> None:
    school = await library.open_school()
    teacher = school.teacher
    agent_id = await create(teacher, description="1주차", instructions="짧게 답하세요.")
    path = f"/agents/{agent_id}"
    body = (await client.ask(teacher, "GET", path)).json()
    assert (body["name"], body["description"], body["instructions"]) == ("과제 도우미", "1주차", "짧게 답하세요.")
    assert (body["class_id"], body["is_own"]) == (None, True)
    changes = [{"name": "2주차"}, {"class_id": str(school.class_id)}, {"class_id": str(school.class_id)}]
    for change in (*changes, {"class_id": None}, {"instructions": ""}, {}):
        changed = await client.ask(teacher, "PATCH", path, json=change)
        assert changed.status_code == 200
        assert {key: changed.json()[key] for key in change} == change
        body |= change
        assert changed.json() == body
    assert (await client.ask(teacher, "DELETE", path)).status_code == 204
    problem(await client.ask(teacher, "DELETE", path), 404, "agent_not_found")

    (created,) = await sql.events(AgentCreated, agent_id=agent_id)
    shared = await sql.events(AgentShared, agent_id=agent_id)
    (deleted,) = await sql.events(AgentDeleted, agent_id=agent_id)
    personal = Tenant(user_id=teacher.user_id)
    assert [event.tenant for event in (created, *shared, deleted)] == [
        *(personal, school.place(teacher)),
        *(personal, personal),
    ]
    assert [event.version for event in (created, *shared, deleted)] == [1, 2, 3, 4]
    audited = await sql.events(AuditRecorded, target=f"agent/{agent_id}")
    assert [event.action for event in audited] == ["agent.shared", "agent.unshared", "agent.deleted"]
    assert [event.class_id for event in audited] == [school.class_id, school.class_id, None]


async def test_a_class_sees_its_agents_without_their_instructions_and_changes_nothing(
    client, library, create, another, problem
) -> None:
    school = await library.open_school()
    agent_id = await create(school.teacher, class_id=str(school.class_id), instructions="비밀 지시")
    own = await create(school.student, name="내 것")
    path = f"/agents/{agent_id}"
    for reader in (school.student, school.admin):
        shown = (await client.ask(reader, "GET", path)).json()
        assert (shown["agent_id"], shown["instructions"], shown["is_own"]) == (agent_id, None, False)
        for method, options in (("PATCH", {"json": {"name": "훔침"}}), ("DELETE", {})):
            problem(await client.ask(reader, method, path, **options), 404, "agent_not_found")

    async def listed(person, **query) -> list[str]:
        answer = await client.ask(person, "GET", "/agents", params=query)
        assert "비밀" not in answer.text or person is school.teacher
        return [item["agent_id"] for item in answer.json()["items"]]

    assert await listed(school.student) == [own, agent_id]
    assert await listed(school.student, class_id=str(school.class_id)) == [agent_id]
    assert await listed(school.student, name="내") == [own]
    assert await listed(another()) == []
    problem(await client.ask(another(), "GET", path), 404, "agent_not_found")
    answer = await client.ask(another(), "GET", "/agents", params={"class_id": str(school.class_id)})
    problem(answer, 404, "class_not_found")


async def test_only_who_teaches_there_opens_an_agent_to_a_class(client, library, create, problem) -> None:
    school, other = await library.open_school(), await library.open_school()
    path = f"/agents/{await create(school.student)}"
    for method, where in (("POST", "/agents"), ("PATCH", path)):
        body = {"name": "이름", "class_id": str(school.class_id)}
        problem(await client.ask(school.student, method, where, json=body), 403, "teachers_alone")
        for foreign in (other.class_id, uuid4()):
            body = {"name": "이름", "class_id": str(foreign)}
            problem(await client.ask(school.student, method, where, json=body), 404, "class_not_found")
    assert (await client.ask(school.student, "GET", path)).json()["class_id"] is None


async def test_an_ended_enrolment_and_a_closed_class_close_the_agent_at_once(client, library, create, sql) -> None:
    school = await library.open_school()
    path = f"/agents/{await create(school.teacher, class_id=str(school.class_id))}"
    assert (await client.ask(school.student, "GET", path)).status_code == 200
    query = "SELECT membership_id FROM rag.memberships WHERE user_id = %s"
    (seat,) = await sql.rows(query, school.student.user_id)
    left = {**school.ids, "class_id": school.class_id, "enrollment_id": seat["membership_id"], "version": 2}
    await library.tell(EnrollmentEnded(**left, student_id=uuid4(), user_id=school.student.user_id, ended_at=now()))
    assert (await client.ask(school.student, "GET", path)).status_code == 404

    assert (await client.ask(school.admin, "GET", path)).status_code == 200
    await library.tell(school.closed())
    assert (await client.ask(school.admin, "GET", path)).status_code == 404
    assert (await client.ask(school.teacher, "GET", path)).status_code == 200


async def test_an_owner_who_teaches_there_no_more_speaks_to_the_class_no_more(client, library, create, sql) -> None:
    school = await library.open_school()
    path = f"/agents/{await create(school.teacher, class_id=str(school.class_id))}"
    query = "SELECT membership_id FROM rag.memberships WHERE user_id = %s"
    (role,) = await sql.rows(query, school.teacher.user_id)
    gone = {"org_id": school.org_id, "partner_id": school.partner_id, "user_id": school.teacher.user_id, "version": 2}
    await library.tell(MembershipRevoked(**gone, membership_id=role["membership_id"], revoked_at=now()))

    assert (await client.ask(school.student, "GET", path)).status_code == 404
    assert (await client.ask(school.student, "GET", "/agents")).json()["items"] == []
    assert (await client.ask(school.teacher, "GET", path)).status_code == 200


async def test_an_agent_with_documents_of_another_org_is_not_opened_to_a_class(
    client, library, create, person, problem
) -> None:
    school, other = await library.open_school(), await library.open_school()
    agent_id = await create(school.teacher)
    scopes = [school.teacher.scope, f"agent:{agent_id}"]
    place = other.place(school.teacher)
    event = library.embedded(uuid4(), scopes=scopes, place=place)
    await library.admit(event)
    change = {"class_id": str(school.class_id)}
    problem(await client.ask(school.teacher, "PATCH", f"/agents/{agent_id}", json=change), 409, "agent_holds_others")

    await library.admit(library.shared(event, school.teacher.scope))
    assert (await client.ask(school.teacher, "PATCH", f"/agents/{agent_id}", json=change)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        *({"name": ""}, {"name": None}, {"description": "가" * 1001}, {"instructions": "가" * 4001}),
        *({"instructions": "\x00"}, {"instructions": None}, {"description": 7}, {"class_id": "강의"}),
        *({"owner_id": str(uuid4())}, {"version": 3}),
    ],
)
async def test_bad_forms_change_nothing(client, person, create, body) -> None:
    path = f"/agents/{await create(person, instructions='그대로')}"
    before = (await client.ask(person, "GET", path)).json()
    assert (await client.ask(person, "PATCH", path, json=body)).status_code == 422
    assert (await client.ask(person, "POST", "/agents", json={"name": "이름", **body})).status_code == 422
    assert (await client.ask(person, "GET", "/agents")).json()["items"] == [before]


async def test_there_is_a_most_however_many_ask_at_once(client, person, sql, problem) -> None:
    rows = 'INSERT INTO "user".agents (agent_id, owner_id, name) SELECT gen_random_uuid(), %s, %s'
    await sql.rows(f"{rows} FROM generate_series(2, %s)", person.user_id, "하나", MAX_AGENTS)
    form = {"json": {"name": "하나 더"}}
    answers = await asyncio.gather(*(client.ask(person, "POST", "/agents", **form) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert str(MAX_AGENTS) in problem(refused, 409, "agents_full")["detail"]

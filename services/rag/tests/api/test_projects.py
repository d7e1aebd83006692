"""Projects: a person's own folders, 200 at most; their beginning and end are told."""

from uuid import uuid4

import pytest

from contracts.rag import AuditRecorded, ProjectCreated, ProjectDeleted
from contracts.tenancy import Tenant
from rag.service.projects import MAX_PROJECTS


@pytest.fixture
def create(client):
    async def made(person, name: str = "졸업 논문") -> str:
        answer = await client.ask(person, "POST", "/projects", json={"name": name})
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/projects/{answer.json()['project_id']}"
        return str(answer.json()["project_id"])

    return made


async def test_a_project_is_made_renamed_and_deleted_and_others_are_told(client, person, create, sql, problem) -> None:
    project_id = await create(person)
    path = f"/projects/{project_id}"
    renamed = await client.ask(person, "PATCH", path, json={"name": "  박사 논문 "})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "박사 논문")
    assert (await client.ask(person, "PATCH", path, json={})).json() == renamed.json()
    assert (await client.ask(person, "GET", path)).json() == renamed.json()
    assert (await client.ask(person, "DELETE", path)).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        options = {"json": {"name": "x"}} if method == "PATCH" else {}
        problem(await client.ask(person, method, path, **options), 404, "project_not_found")

    (created,) = await sql.events(ProjectCreated, project_id=project_id)
    (deleted,) = await sql.events(ProjectDeleted, project_id=project_id)
    assert created.tenant == deleted.tenant == Tenant(user_id=person.user_id)
    assert created.version < deleted.version
    (audited,) = await sql.events(AuditRecorded, target=f"project/{project_id}")
    assert (audited.action, audited.actor_id) == ("project.deleted", person.user_id)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_somebody_elses_is_not_there(client, person, another, create, problem, method) -> None:
    project_id = await create(person)
    options = {"json": {"name": "내 것"}} if method == "PATCH" else {}
    answers = [
        await client.ask(another(), method, f"/projects/{each}", **options) for each in (project_id, str(uuid4()))
    ]

    foreign, missing = (problem(answer, 404, "project_not_found") for answer in answers)
    assert foreign["detail"] == missing["detail"]
    assert (await client.ask(person, "GET", f"/projects/{project_id}")).json()["name"] == "졸업 논문"


async def test_pages_and_filter(client, person, another, create) -> None:
    for name in ("100% 완성", "10_점", "Guide"):
        await create(person, name)
    await create(another(), "100% 남의 것")

    async def listed(**query) -> list[str]:
        body = (await client.ask(person, "GET", "/projects", params=query)).json()
        return [item["name"] for item in body["items"]]

    assert await listed() == ["Guide", "10_점", "100% 완성"]
    assert await listed(name="%") == ["100% 완성"]
    assert await listed(name="guide") == ["Guide"]
    first = (await client.ask(person, "GET", "/projects", params={"limit": 2})).json()
    assert await listed(limit=2, cursor=first["next_cursor"]) == ["100% 완성"]


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"name": ""}, {"name": " \t"}, {"name": "가" * 121}, {"name": "\x00"}, {"name": "a\nb"}, {"name": None}),
        *({"name": 7}, {"name": "\u202eabc"}, {"name": "ok", "owner_id": str(uuid4())}, [], None),
    ],
)
async def test_bad_forms_make_nothing(client, person, body) -> None:
    assert (await client.ask(person, "POST", "/projects", json=body)).status_code == 422
    assert (await client.ask(person, "GET", "/projects")).json()["items"] == []


async def test_there_is_a_most_and_deleting_makes_room(client, person, create, sql, problem) -> None:
    rows = 'INSERT INTO "user".projects (project_id, owner_id, name) SELECT gen_random_uuid(), %s, %s'
    await sql.rows(f"{rows} FROM generate_series(2, %s)", person.user_id, "하나", MAX_PROJECTS)
    last = await create(person)

    body = problem(await client.ask(person, "POST", "/projects", json={"name": "하나 더"}), 409, "projects_full")
    assert str(MAX_PROJECTS) in body["detail"]
    await client.ask(person, "DELETE", f"/projects/{last}")
    await create(person, "하나 더")

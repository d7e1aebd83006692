"""Every route for every kind of caller. A route that is not in the table fails the last test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from contracts.org_partner import Role

# Who asks for something of `school`. The sibling is another partner of its org, the others are another org's.
CALLERS = (
    "nobody",
    "stranger",
    "student",
    "other_student",
    "assistant",
    "instructor",
    "owner",
    "sibling_owner",
    "other_owner",
    "admin",
    "other_admin",
    "supervisor",
)
SUPERVISOR_ALONE = (401, *[403] * 10, 201)
ORG_READ = (401, 404, 404, 404, 200, 200, 200, 200, 404, 200, 404, 200)
ORG_WRITE = (401, 404, 404, 404, 403, 403, 403, 403, 404, 201, 404, 201)
PARTNER_READ = (401, 404, 404, 404, 200, 200, 200, 404, 404, 200, 404, 200)
PARTNER_WRITE = (401, 404, 404, 404, 403, 201, 201, 404, 404, 201, 404, 201)
CLASS_READ = (401, 404, 200, 404, 200, 200, 200, 404, 404, 200, 404, 200)
CLASS_STAFF_READ = (401, 404, 403, 404, 200, 200, 200, 404, 404, 200, 404, 200)
CLASS_WRITE = (401, 404, 403, 404, 403, 201, 201, 404, 404, 201, 404, 201)
ANYBODY = (401, *[200] * 11)


def succeeding_with(statuses: tuple[int, ...], success: int) -> tuple[int, ...]:
    return tuple(success if status == 201 else status for status in statuses)


@dataclass(frozen=True)
class Operation:
    """`path` with the template's names; `body` is made anew for each request."""

    method: str
    path: str
    expected: tuple[int, ...]
    body: Callable[["Scene"], dict[str, Any]] | None = None


OPERATIONS = (
    Operation("POST", "/orgs", SUPERVISOR_ALONE, lambda scene: {"name": "새 기관"}),
    Operation("GET", "/orgs", ANYBODY),
    Operation("GET", "/orgs/{org_id}", ORG_READ),
    Operation(
        "POST", "/orgs/{org_id}/admins", succeeding_with(ORG_WRITE, 200), lambda scene: {"email": scene.newcomer.email}
    ),
    Operation(
        "POST",
        "/orgs/{org_id}/partners",
        ORG_WRITE,
        lambda scene: {"name": "새 파트너", "owner_email": scene.newcomer.email},
    ),
    Operation("GET", "/orgs/{org_id}/partners", ORG_READ),
    Operation("POST", "/orgs/{org_id}/courses", ORG_WRITE, lambda scene: {"name": "새 과정"}),
    Operation("GET", "/orgs/{org_id}/courses", ORG_READ),
    Operation(
        "POST",
        "/partners/{partner_id}/classes",
        PARTNER_WRITE,
        lambda scene: {"name": "새 수업", "course_id": scene.ids["course_id"]},
    ),
    Operation("GET", "/partners/{partner_id}/classes", PARTNER_READ),
    Operation("GET", "/classes/{class_id}", CLASS_READ),
    Operation(
        "POST",
        "/classes/{class_id}/invite-codes",
        CLASS_WRITE,
        lambda scene: {"expires_in_hours": 1, "max_uses": 1},
    ),
    Operation("GET", "/classes/{class_id}/invite-codes", CLASS_STAFF_READ),
    Operation("DELETE", "/classes/{class_id}/invite-codes/{invite_code_id}", succeeding_with(CLASS_WRITE, 204)),
    Operation("GET", "/classes/{class_id}/students", CLASS_STAFF_READ),
    Operation("POST", "/invite-codes/redeem", ANYBODY, lambda scene: {"code": scene.code}),
    Operation("GET", "/enrollments", ANYBODY),
)


@dataclass(frozen=True)
class Scene:
    people: dict[str, Any]
    ids: dict[str, str]
    newcomer: Any
    code: str


@pytest.fixture(scope="module")
async def scene(world, school) -> Scene:
    sibling, other = await world.sibling(school), await world.school()
    people = {
        "nobody": None,
        "stranger": await world.person(),
        "student": await world.student(school),
        "other_student": await world.student(other),
        "assistant": await world.staff(school, Role.ASSISTANT),
        "instructor": await world.staff(school, Role.INSTRUCTOR),
        "owner": school.owner,
        "sibling_owner": sibling.owner,
        "other_owner": other.owner,
        "admin": school.admin,
        "other_admin": other.admin,
        "supervisor": await world.supervisor(),
    }
    doomed, elsewhere = await world.code(school), await world.code(await world.school(), max_uses=100)
    ids = {
        "org_id": school.org.org_id,
        "partner_id": school.partner.partner_id,
        "class_id": school.group.class_id,
        "course_id": school.course.course_id,
        "invite_code_id": doomed.row.invite_code_id,
    }
    return Scene(people, {name: str(value) for name, value in ids.items()}, await world.person(), elsewhere.code)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
async def test_each_caller_gets_what_the_table_says(client, scene, operation) -> None:
    seen = {}
    for name in CALLERS:
        body = operation.body(scene) if operation.body else None
        answer = await client.ask(scene.people[name], operation.method, operation.path.format(**scene.ids), json=body)
        seen[name] = answer.status_code

    assert seen == dict(zip(CALLERS, operation.expected, strict=True))


@pytest.mark.parametrize(
    "operation", [item for item in OPERATIONS if "{" in item.path], ids=lambda item: f"{item.method} {item.path}"
)
async def test_anothers_id_and_an_id_of_nothing_get_the_same_answer(client, scene, operation) -> None:
    def told(answer) -> dict:
        return {key: value for key, value in answer.json().items() if key not in ("instance", "request_id")}

    nothing = dict.fromkeys(scene.ids, str(uuid4()))
    answers = [
        await client.ask(
            scene.people["other_admin"],
            operation.method,
            operation.path.format(**ids),
            json=operation.body(scene) if operation.body else None,
        )
        for ids in (scene.ids, nothing)
    ]

    assert answers[0].status_code == answers[1].status_code == 404
    assert told(answers[0]) == told(answers[1])
    assert answers[0].headers.keys() == answers[1].headers.keys()


async def test_the_table_has_every_route(client) -> None:
    document = (await client.http.get("/openapi.json")).json()
    routes = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert routes - {("GET", "/health")} == {(item.method, item.path) for item in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
async def test_every_answer_of_the_table_is_documented(client, operation) -> None:
    document = (await client.http.get("/openapi.json")).json()
    documented = document["paths"][operation.path][operation.method.lower()]["responses"]

    assert {str(status) for status in operation.expected} <= documented.keys()

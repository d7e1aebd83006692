"""Every route for people of a suspended tenant, and for ids that are another's. Who may what otherwise is asked of the
whole stack, by `tests/isolation` and the same table; a route that this file does not know fails its last test.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml
from sqlalchemy import text

from chassis import tenant
from chassis.errors import Locale
from chassis.paging import Slice
from contracts.org_partner import Role
from org_partner.service import days
from org_partner.service.settlement import Terms

# Who asks for something of `school`, and their column in the table of all services. The sibling is another partner of
# its org, the others are another org's.
CALLERS = {
    "nobody": "no_token",
    "stranger": "user",
    "student": "student",
    "other_student": "user",
    "assistant": "assistant",
    "instructor": "instructor",
    "owner": "owner",
    "sibling_owner": "sibling",
    "other_owner": "other_partner",
    "admin": "org_admin",
    "other_admin": "other_admin",
    "supervisor": "supervisor",
}
COLUMNS = (
    *("no_token", "expired", "student", "user", "other_partner", "sibling", "org_admin", "other_admin"),
    *("supervisor", "wrong_scope", "owner", "instructor", "assistant"),
)


def _rows() -> dict[str, list[int]]:
    path = Path(__file__).parents[4] / "tests/isolation/expected.yaml"
    rows: dict[str, list[int]] = yaml.safe_load(path.read_text("utf-8"))["org-partner"]
    return rows


ROWS = _rows()


@dataclass(frozen=True)
class Operation:
    """`path` with the template's names; `body` is made anew for each request; a text is CSV.

    `fresh` makes what each request needs for itself, and gives its ids for the path. `undo` is called after each.
    `here`: what differs from the table because this file asks for something else.
    """

    method: str
    path: str
    body: Callable[["Scene"], dict[str, Any] | str] | None = None
    fresh: Callable[[Any, "Scene"], Awaitable[dict[str, str]]] | None = None
    undo: Callable[[Any, "Scene"], Awaitable[Any]] | None = None
    here: dict[str, int] = field(default_factory=dict)

    @property
    def expected(self) -> dict[str, int]:
        row = dict(zip(COLUMNS, ROWS[f"{self.method} {self.path}"], strict=True))
        return {name: row[column] for name, column in CALLERS.items()} | self.here


def restored_org(world, scene) -> Awaitable[Any]:
    return world.wired.orgs.restore(scene.people["supervisor"].caller, UUID(scene.ids["org_id"]))


def restored_partner(world, scene) -> Awaitable[Any]:
    return world.wired.partners.restore(scene.people["supervisor"].caller, UUID(scene.ids["partner_id"]))


async def fresh_member(world, scene) -> dict[str, str]:
    partner_id, person = UUID(scene.ids["partner_id"]), await world.person()
    caller = scene.people["supervisor"].caller
    made = await world.wired.members.add(caller, partner_id, email=person.email, role=Role.ASSISTANT)
    return {"membership_id": str(made.membership_id)}


async def fresh_domain(world, scene) -> dict[str, str]:
    caller, domain = scene.people["supervisor"].caller, f"{uuid4().hex}.example.com"
    await world.wired.domains.add(caller, UUID(scene.ids["org_id"]), domain=domain)
    return {"domain": domain}


async def fresh_invitation(world, scene) -> dict[str, str]:
    made = await world.wired.invitations.invite_to_partner(
        scene.people["supervisor"].caller,
        UUID(scene.ids["partner_id"]),
        email=f"{uuid4().hex}@example.com",
        role=Role.ASSISTANT,
        locale=Locale.EN,
    )
    return {"invitation_id": str(made.invitation_id)}


async def invitation_of_yesterday(world, scene) -> dict[str, str]:
    """Another letter of it may be written."""
    made = await fresh_invitation(world, scene)
    async with world.wired.database.transaction(tenant.PLATFORM) as session:
        await session.execute(text("UPDATE partner.invitations SET sent_at = now() - interval '1 day'"))
    return made


REASON = {"reason": "점검"}

TENANTS = (
    Operation("PATCH", "/orgs/{org_id}", lambda scene: {"name": "새 이름"}),
    Operation("POST", "/orgs/{org_id}/suspend", lambda scene: REASON, undo=restored_org),
    Operation("POST", "/orgs/{org_id}/restore"),
    Operation(
        "POST",
        "/orgs/{org_id}/close",
        lambda scene: {**REASON, "force": True},
        undo=restored_org,
    ),
    Operation("GET", "/orgs/{org_id}/members"),
    Operation("DELETE", "/orgs/{org_id}/members/{membership_id}", fresh=fresh_member),
    Operation("GET", "/orgs/{org_id}/domains"),
    Operation("POST", "/orgs/{org_id}/domains", lambda scene: {"domain": f"{uuid4().hex}.example.com"}),
    Operation("DELETE", "/orgs/{org_id}/domains/{domain}", fresh=fresh_domain),
    Operation("GET", "/orgs/{org_id}/invitations"),
    Operation("POST", "/orgs/{org_id}/invitations", lambda scene: {"email": f"{uuid4().hex}@example.com"}),
    Operation(
        "DELETE",
        "/orgs/{org_id}/invitations/{invitation_id}",
        fresh=fresh_invitation,
    ),
    Operation(
        "POST",
        "/orgs/{org_id}/invitations/{invitation_id}/resend",
        fresh=invitation_of_yesterday,
    ),
    Operation("GET", "/partners/{partner_id}"),
    Operation("PATCH", "/partners/{partner_id}", lambda scene: {"name": "새 이름"}),
    Operation(
        "POST",
        "/partners/{partner_id}/suspend",
        lambda scene: REASON,
        undo=restored_partner,
    ),
    Operation("POST", "/partners/{partner_id}/restore"),
    Operation(
        "POST",
        "/partners/{partner_id}/move",
        lambda scene: {"org_id": scene.ids["org_id"]},
    ),
    Operation("GET", "/partners/{partner_id}/members"),
    Operation(
        "POST",
        "/partners/{partner_id}/members",
        lambda scene: {"email": scene.newcomer.email, "role": "assistant"},
    ),
    Operation(
        "PATCH",
        "/partners/{partner_id}/members/{membership_id}",
        lambda scene: {"role": "instructor"},
        fresh=fresh_member,
    ),
    Operation(
        "DELETE",
        "/partners/{partner_id}/members/{membership_id}",
        fresh=fresh_member,
    ),
    Operation(
        "POST",
        "/partners/{partner_id}/members/{membership_id}/move",
        lambda scene: {"partner_id": scene.sibling_partner_id},
        fresh=fresh_member,
    ),
    Operation("GET", "/partners/{partner_id}/invitations"),
    Operation(
        "POST",
        "/partners/{partner_id}/invitations",
        lambda scene: {"email": f"{uuid4().hex}@example.com", "role": "assistant"},
    ),
    Operation(
        "DELETE",
        "/partners/{partner_id}/invitations/{invitation_id}",
        fresh=fresh_invitation,
    ),
    Operation(
        "POST",
        "/partners/{partner_id}/invitations/{invitation_id}/resend",
        fresh=invitation_of_yesterday,
    ),
    # A token that nobody sent is like everybody's else.
    Operation("POST", "/invitations/accept", lambda scene: {"token": "wrong"}),
)


async def fresh_course(world, scene) -> dict[str, str]:
    caller = scene.people["supervisor"].caller
    made = await world.wired.courses.create(caller, UUID(scene.ids["org_id"]), name="새 과정")
    return {"course_id": str(made.course_id)}


async def fresh_class(world, scene) -> dict[str, str]:
    """A draft."""
    caller, course_id = scene.people["supervisor"].caller, UUID(scene.ids["course_id"])
    made = await world.wired.classes.create(
        caller, UUID(scene.ids["partner_id"]), course_id=course_id, name="새 초안", status="draft"
    )
    return {"class_id": str(made.class_id)}


async def fresh_closed_class(world, scene) -> dict[str, str]:
    ids, caller = await fresh_class(world, scene), scene.people["supervisor"].caller
    await world.wired.periods.open(caller, UUID(ids["class_id"]))
    await world.wired.periods.close(caller, UUID(ids["class_id"]))
    return ids


async def fresh_material(world, scene) -> dict[str, str]:
    # Open to the class already: the supervisor adds it, who also gets in where its people do not.
    caller, document_id = scene.people["supervisor"].caller, await world.shared(scene.school.owner, scene.school)
    await world.wired.materials.add(caller, UUID(scene.ids["class_id"]), document_id)
    return {"document_id": str(document_id)}


async def fresh_enrollment(world, scene) -> dict[str, str]:
    person = await world.person()
    await world.wired.roster_imports.run(
        scene.people["supervisor"].caller,
        UUID(scene.ids["class_id"]),
        f"email\n{person.email}".encode(),
        locale=Locale.EN,
    )
    (made,) = await world.wired.enrollments.list_own(person.caller, Slice(limit=1))
    return {"enrollment_id": str(made.enrollment_id)}


# A draft, and the enrolment of a classmate.
UNSEEN = {"student": 404}

CLASSES = (
    Operation("GET", "/orgs/{org_id}/courses/{course_id}", fresh=fresh_course),
    Operation(
        "PATCH",
        "/orgs/{org_id}/courses/{course_id}",
        lambda scene: {"name": "새 이름"},
        fresh=fresh_course,
    ),
    Operation("DELETE", "/orgs/{org_id}/courses/{course_id}", fresh=fresh_course),
    Operation("PATCH", "/classes/{class_id}", lambda scene: {"name": "월수 저녁반"}),
    Operation("POST", "/classes/{class_id}/open", fresh=fresh_class, here=UNSEEN),
    Operation("POST", "/classes/{class_id}/close", fresh=fresh_closed_class, here=UNSEEN),
    Operation("POST", "/classes/{class_id}/reopen", fresh=fresh_closed_class, here=UNSEEN),
    Operation("GET", "/classes/{class_id}/materials"),
    Operation(
        "PUT",
        "/classes/{class_id}/materials",
        lambda scene: {"document_ids": [scene.document_id]},
    ),
    Operation(
        "POST",
        "/classes/{class_id}/materials",
        lambda scene: {"document_id": scene.document_id},
    ),
    Operation(
        "DELETE",
        "/classes/{class_id}/materials/{document_id}",
        fresh=fresh_material,
    ),
    Operation("GET", "/partners/{partner_id}/students"),
    Operation("GET", "/classes/{class_id}/students/export"),
    Operation(
        "POST",
        "/classes/{class_id}/students/import",
        lambda scene: f"email\n{scene.newcomer.email}",
    ),
    Operation("GET", "/enrollments/{enrollment_id}", fresh=fresh_enrollment, here=UNSEEN),
    Operation("GET", "/enrollments/{enrollment_id}/history", fresh=fresh_enrollment, here=UNSEEN),
    Operation("POST", "/enrollments/{enrollment_id}/pause", fresh=fresh_enrollment, here=UNSEEN),
    Operation("POST", "/enrollments/{enrollment_id}/resume", fresh=fresh_enrollment, here=UNSEEN),
    Operation("POST", "/enrollments/{enrollment_id}/end", fresh=fresh_enrollment, here=UNSEEN),
    Operation("POST", "/enrollments/{enrollment_id}/leave", fresh=fresh_enrollment, here=UNSEEN),
    Operation(
        "POST",
        "/enrollments/{enrollment_id}/transfer",
        lambda scene: {"class_id": scene.target_class_id},
        fresh=fresh_enrollment,
        here=UNSEEN,
    ),
)


async def fresh_policy(world, scene) -> dict[str, str]:
    """Of a day that no other one has."""
    made = await world.wired.settlement_policies.adopt(
        scene.people["supervisor"].caller, UUID(scene.ids["org_id"]), TERMS, effective_from=a_day_to_come()
    )
    return {"policy_id": str(made.policy_id)}


async def policy_in_effect(world, scene) -> dict[str, str]:
    """None is adopted for today, so one is put into the past."""
    ids = await fresh_policy(world, scene)
    await world._sql.rows(
        """UPDATE partner.settlement_policies SET adopted_at = adopted_at - (effective_from - now()) - interval '1 h',
        effective_from = now() - interval '1 s' WHERE policy_id = %s""",
        UUID(ids["policy_id"]),
    )
    return {}


def a_day_to_come() -> date:
    return days.today() + timedelta(days=secrets.randbelow(50_000) + 3)


TERMS = Terms("fixed_fee", None, 1, (), 0, "KRW", "down")
PLATFORM_MODEL = {"allowed_models": ["growfit-extractive"], "model": "growfit-extractive"}
FEE = {"kind": "fixed_fee", "fixed_fee": 1, "currency": "KRW"}

MONEY = (
    Operation("GET", "/orgs/{org_id}/llm-settings"),
    Operation("PUT", "/orgs/{org_id}/llm-settings", lambda scene: PLATFORM_MODEL),
    Operation("DELETE", "/orgs/{org_id}/llm-settings"),
    # There is no address to test.
    Operation("POST", "/orgs/{org_id}/llm-settings/test"),
    Operation("GET", "/partners/{partner_id}/llm-settings"),
    Operation(
        "PUT",
        "/partners/{partner_id}/llm-settings",
        lambda scene: PLATFORM_MODEL,
    ),
    Operation("DELETE", "/partners/{partner_id}/llm-settings"),
    Operation("POST", "/partners/{partner_id}/llm-settings/test"),
    Operation("GET", "/classes/{class_id}/llm-settings"),
    Operation(
        "POST",
        "/orgs/{org_id}/settlement-policies",
        lambda scene: {**FEE, "effective_from": a_day_to_come().isoformat()},
    ),
    Operation("GET", "/orgs/{org_id}/settlement-policies"),
    Operation("GET", "/orgs/{org_id}/settlement-policies/effective", fresh=policy_in_effect),
    Operation(
        "POST",
        "/orgs/{org_id}/settlement-policies/preview",
        lambda scene: {"terms": FEE, "revenue_amount": 1},
    ),
    Operation("GET", "/orgs/{org_id}/settlement-policies/{policy_id}", fresh=fresh_policy),
    Operation("POST", "/orgs/{org_id}/settlement-policies/{policy_id}/withdraw", fresh=fresh_policy),
    Operation("GET", "/orgs/{org_id}/dashboard"),
    Operation("GET", "/partners/{partner_id}/dashboard"),
    Operation("GET", "/classes/{class_id}/dashboard"),
    Operation("GET", "/orgs/{org_id}/activities"),
    Operation("GET", "/orgs/{org_id}/activities/export"),
    Operation("GET", "/partners/{partner_id}/activities"),
    Operation("GET", "/partners/{partner_id}/activities/export"),
    Operation("GET", "/classes/{class_id}/activities"),
    Operation("GET", "/classes/{class_id}/activities/export"),
)
OPERATIONS = (
    Operation("POST", "/orgs", lambda scene: {"name": "새 기관"}),
    Operation("GET", "/orgs"),
    Operation("GET", "/orgs/{org_id}"),
    Operation("POST", "/orgs/{org_id}/admins", lambda scene: {"email": scene.newcomer.email}),
    Operation(
        "POST",
        "/orgs/{org_id}/partners",
        lambda scene: {"name": "새 파트너", "owner_email": scene.newcomer.email},
    ),
    Operation("GET", "/orgs/{org_id}/partners"),
    Operation("POST", "/orgs/{org_id}/courses", lambda scene: {"name": "새 과정"}),
    Operation("GET", "/orgs/{org_id}/courses"),
    Operation(
        "POST",
        "/partners/{partner_id}/classes",
        lambda scene: {"name": "새 수업", "course_id": scene.ids["course_id"]},
    ),
    Operation("GET", "/partners/{partner_id}/classes"),
    Operation("GET", "/classes/{class_id}"),
    Operation(
        "POST",
        "/classes/{class_id}/invite-codes",
        lambda scene: {"expires_in_hours": 1, "max_uses": 1},
    ),
    Operation("GET", "/classes/{class_id}/invite-codes"),
    Operation("DELETE", "/classes/{class_id}/invite-codes/{invite_code_id}"),
    Operation("GET", "/classes/{class_id}/students"),
    Operation(
        "POST",
        "/invite-codes/redeem",
        lambda scene: {"code": scene.code},
        # With a code that is right.
        here={name: 200 for name in CALLERS if name != "nobody"},
    ),
    Operation("GET", "/enrollments"),
    *TENANTS,
    *CLASSES,
    *MONEY,
)


@dataclass(frozen=True)
class Scene:
    people: dict[str, Any]
    ids: dict[str, str]
    newcomer: Any
    code: str
    sibling_partner_id: str
    school: Any
    # The class's own document, and another class of the same partner.
    document_id: str = ""
    target_class_id: str = ""


@pytest.fixture(scope="module")
async def scene(world, school) -> Scene:
    return await make_scene(world, school)


async def make_scene(world, school) -> Scene:
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
    return Scene(
        people,
        {name: str(value) for name, value in ids.items()},
        await world.person(),
        elsewhere.code,
        str(sibling.partner.partner_id),
        school,
        # Likewise: all who teach there may choose it.
        str(await world.shared(school.owner, school)),
        str((await world.another_class(school)).group.class_id),
    )


def sent(operation, scene) -> dict[str, Any]:
    body = operation.body(scene) if operation.body else None
    return {"content": body, "headers": {"Content-Type": "text/csv"}} if isinstance(body, str) else {"json": body}


async def answer_to(client, world, scene, operation, name: str) -> Any:
    ids = scene.ids | (await operation.fresh(world, scene) if operation.fresh else {})
    path = operation.path.format(**ids)
    answer = await client.ask(scene.people[name], operation.method, path, **sent(operation, scene))
    if operation.undo and answer.is_success:
        await operation.undo(world, scene)
    return answer


@pytest.mark.parametrize(
    "operation", [item for item in OPERATIONS if "{" in item.path], ids=lambda item: f"{item.method} {item.path}"
)
async def test_anothers_id_and_an_id_of_nothing_get_the_same_answer(client, world, scene, operation) -> None:
    def told(answer) -> dict:
        return {key: value for key, value in answer.json().items() if key not in ("instance", "request_id")}

    ids = scene.ids | (await operation.fresh(world, scene) if operation.fresh else {})
    nothing = dict.fromkeys(ids, str(uuid4())) | {"domain": "nothing.example.com"}
    answers = [
        await client.ask(
            scene.people["other_admin"],
            operation.method,
            operation.path.format(**each),
            **sent(operation, scene),
        )
        for each in (ids, nothing)
    ]

    assert answers[0].status_code == answers[1].status_code == 404
    assert told(answers[0]) == told(answers[1])
    assert answers[0].headers.keys() == answers[1].headers.keys()


NESTED = [item for item in (*TENANTS, *CLASSES, *MONEY) if item.path.count("{") == 2 and "{domain}" not in item.path]
# An org's own path reaches what is its partners'.
FOREIGN = [(item, "another org") for item in NESTED]
FOREIGN += [(item, "a sibling") for item in NESTED if item.path.startswith("/partners/")]


@pytest.mark.parametrize(
    ("operation", "of"), FOREIGN, ids=[f"{item.method} {item.path} of {of}" for item, of in FOREIGN]
)
async def test_what_is_anothers_is_not_found_under_ones_own_path_either(client, world, scene, operation, of) -> None:
    """`/orgs/mine/members/theirs`: like one that there is not."""
    other = await world.school() if of == "another org" else await world.sibling(scene.school)
    elsewhere = Scene(
        scene.people,
        {
            "org_id": str(other.org.org_id),
            "partner_id": str(other.partner.partner_id),
            "class_id": str(other.group.class_id),
        },
        *(scene.newcomer, scene.code, scene.sibling_partner_id, other),
    )
    theirs = await operation.fresh(world, elsewhere)
    answers = [
        await client.ask(
            scene.people["admin"],
            operation.method,
            operation.path.format(**(scene.ids | ids)),
            **sent(operation, scene),
        )
        for ids in (theirs, dict.fromkeys(theirs, str(uuid4())))
    ]

    assert answers[0].status_code == answers[1].status_code == 404
    assert answers[0].json()["code"] == answers[1].json()["code"]


@pytest.mark.parametrize("level", ["org", "partner"])
@pytest.mark.parametrize(
    "operation", [item for item in OPERATIONS if "{" in item.path], ids=lambda item: f"{item.method} {item.path}"
)
async def test_in_a_suspended_tenant_its_people_get_nothing_and_others_learn_nothing(
    client, world, suspended, operation, level
) -> None:
    scene, suspend = suspended[level]
    # An active org's administrators still reach a suspended partner, and what is the org's own.
    out = {"org": {"admin"}, "partner": set()}[level] | {"student", "assistant", "instructor", "owner"}
    out |= {"sibling_owner"} if level == "org" else set()
    for name, usual in operation.expected.items():
        await suspend()
        answer = await answer_to(client, world, scene, operation, name)
        if name in out and usual not in (401, 404):
            assert (answer.status_code, answer.json()["code"]) == (403, "tenant_suspended"), name
        elif name == "supervisor" and operation.path.endswith("/close"):
            assert answer.is_success
        else:
            assert answer.status_code == usual, name


@pytest.fixture(scope="module")
async def suspended(world) -> dict[str, tuple[Scene, Callable[[], Awaitable[Any]]]]:
    """A suspended org, and a suspended partner of an active one; with what suspends each again."""
    wired, made = world.wired, {}
    for level in ("org", "partner"):
        scene = await make_scene(world, await world.school())
        caller = scene.people["supervisor"].caller
        act = wired.orgs.suspend if level == "org" else wired.partners.suspend
        made[level] = (scene, partial(act, caller, UUID(scene.ids[f"{level}_id"]), reason="점검"))
    return made


async def test_the_table_has_every_route(client) -> None:
    document = (await client.http.get("/openapi.json")).json()
    routes = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert routes - {("GET", "/health")} == {(item.method, item.path) for item in OPERATIONS}

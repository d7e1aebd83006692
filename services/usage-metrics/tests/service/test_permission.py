"""Who sees which lines, and who may name which tenant."""

import ast
from pathlib import Path
from uuid import uuid4

import pytest

import usage_metrics

OWN = {"student": {"student"}, "left": {"left"}, "former": {"former"}, "stranger": {"stranger"}}
IN_PARTNER = {"student", "former", "instructor"}
SEES = {
    **OWN,
    "neighbour": {"neighbour"},
    "instructor": IN_PARTNER,
    "assistant": IN_PARTNER | {"assistant"},
    "owner": IN_PARTNER | {"owner"},
    "admin": IN_PARTNER | {"left", "admin"},
    "supervisor": IN_PARTNER | {"left", "admin", "owner", "assistant", "stranger", "neighbour", "supervisor"},
}
# Of orgs o, partners p and classes c of the academy, by number.
MAY_NAME = {
    "student": {"o0", "p0", "c0"},
    "left": {"o0", "p1", "c1"},
    "former": set(),
    "stranger": set(),
    "neighbour": {"o1", "p2", "c2"},
    "instructor": {"o0", "p0", "c0"},
    "assistant": {"o0", "p0", "c0"},
    "owner": {"o0", "p0", "c0"},
    "admin": {"o0", "p0", "p1", "c0", "c1"},
    "supervisor": {"o0", "o1", "p0", "p1", "p2", "c0", "c1", "c2", "none"},
}
LIES_IN = {
    "o0": {"student", "left", "former", "instructor"},
    "o1": {"neighbour"},
    "p0": IN_PARTNER,
    "p1": {"left"},
    "p2": {"neighbour"},
    "c0": IN_PARTNER,
    "c1": {"left"},
    "c2": {"neighbour"},
    "none": set(),
}


def _tier(name):
    return "supervisor" if name == "supervisor" else "user"


def _filters(academy):
    missing = uuid4()
    tenants = {f"o{n}": {"org_id": org} for n, org in enumerate(academy.orgs)}
    tenants |= {f"p{n}": {"partner_id": partner} for n, partner in enumerate(academy.partners)}
    tenants |= {f"c{n}": {"class_id": class_id} for n, class_id in enumerate(academy.classes)}
    return [*tenants.items(), *(("none", {kind: missing}) for kind in ("org_id", "partner_id", "class_id"))]


async def _calls(get, academy, **query):
    """Names of the callers whose lines came, from both routes, which must agree."""
    period = {"from_": "2026-11-01", "to": "2026-11-30"}
    summary = await get("/usage/summary", group_by="user", **period, **query)
    lines = await get("/usage/events", **period, **query)
    assert summary.status_code == lines.status_code
    if summary.status_code != 200:
        assert summary.json()["code"] == lines.json()["code"]
        return summary.status_code
    name_of = {str(user_id): name for name, user_id in academy.people.items()}
    seen = {name_of[row["user_id"]] for row in summary.json()["rows"]}
    assert seen == {name_of[line["user_id"]] for line in lines.json()["items"]}
    assert summary.json()["totals"]["input_tokens"] == sum(academy.lines[name].input_tokens for name in seen)
    return seen


@pytest.mark.parametrize("name", SEES)
async def test_each_sees_what_they_may_and_nothing_else(academy, http, name):
    get = http(academy.people[name], tier=_tier(name))

    assert await _calls(get, academy) == SEES[name]


@pytest.mark.parametrize("name", MAY_NAME)
async def test_a_named_tenant_narrows_what_is_seen_and_a_foreign_one_is_not_there(academy, http, name):
    get = http(academy.people[name], tier=_tier(name))
    for tenant, query in _filters(academy):
        expected = SEES[name] & LIES_IN[tenant] if tenant in MAY_NAME[name] else 404
        assert await _calls(get, academy, **query) == expected, tenant


@pytest.mark.parametrize("name", SEES)
async def test_another_persons_id_shows_no_more_than_is_seen_without(academy, http, name):
    get = http(academy.people[name], tier=_tier(name))
    for other, user_id in academy.people.items():
        assert await _calls(get, academy, user_id=user_id) == SEES[name] & {other}
    assert await _calls(get, academy, user_id=uuid4()) == set()


async def test_an_own_tenant_does_not_open_a_foreign_one_beside_it(academy, http):
    owner, admin = http(academy.people["owner"]), http(academy.people["admin"])

    assert await _calls(owner, academy, org_id=academy.orgs[0], partner_id=academy.partners[1]) == 404
    assert await _calls(owner, academy, partner_id=academy.partners[0], class_id=academy.classes[2]) == 404
    assert await _calls(admin, academy, partner_id=academy.partners[0], class_id=academy.classes[1]) == set()


async def test_a_foreign_tenant_and_a_missing_one_get_the_same_answer(academy, http):
    get = http(academy.people["owner"])
    foreign = await get("/usage/summary", class_id=academy.classes[2])
    missing = await get("/usage/summary", class_id=uuid4())

    own = ("instance", "request_id")
    assert [{k: v for k, v in answer.json().items() if k not in own} for answer in (foreign, missing)] == [
        {
            "type": "urn:growfit:problem:tenant_not_found",
            "title": "Not found",
            "status": 404,
            "detail": "Nothing was found for class_id. Check the id, or leave it out.",
            "code": "tenant_not_found",
            "field": "class_id",
        }
    ] * 2


async def test_without_a_token_nothing_is_shown(academy, http):
    for path in ("/usage/summary", "/usage/events"):
        answer = await http()(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


def test_only_the_permission_check_makes_the_proof():
    """A `Reach` made anywhere else would be a query that nobody has checked."""
    source = Path(usage_metrics.__file__).parent
    makers = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reach"
    }

    assert makers == {"service/permission.py"}

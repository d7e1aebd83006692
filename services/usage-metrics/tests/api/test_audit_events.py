"""GET /audit-events: one's part of the log, newest first."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import uuid4

import pytest

import usage_metrics
from chassis.auth import Principal
from contracts.audit import AuditOutcome
from contracts.streams import SERVICES
from usage_metrics.schemas.audit_events import AuditQuery

NOVEMBER = {"from_": "2026-11-01", "to": "2026-11-30"}


@pytest.fixture
async def log(academy, books, make_entry):
    """An entry of each kind, by name; every actor and target that is not named is somebody unknown."""
    org, other = academy.orgs
    first, second, third = academy.partners
    people = academy.people
    entries = {
        "org": make_entry("org_partner", action="org.renamed", org_id=org, target=f"org/{org}"),
        "partner": make_entry("org_partner", action="partner.renamed", org_id=org, partner_id=first),
        "class": make_entry(
            "org_partner", action="class.closed", org_id=org, partner_id=first, class_id=academy.classes[0]
        ),
        "class alone": make_entry("rag", action="class.asked", org_id=org, class_id=academy.classes[0]),
        "sibling": make_entry(
            "org_partner", action="class.closed", org_id=org, partner_id=second, class_id=academy.classes[1]
        ),
        "foreign": make_entry(
            "org_partner", action="class.closed", org_id=other, partner_id=third, class_id=academy.classes[2]
        ),
        "login": make_entry(action="login.succeeded", actor_id=people["student"], target=None, ip="198.51.100.9"),
        "suspension": make_entry(
            action="user.suspended", actor_id=people["supervisor"], target=f"user/{people['student']}"
        ),
        "refusal": make_entry(
            "ingest",
            action="request.forbidden",
            actor_id=people["owner"],
            target="route/GET /usage",
            outcome=AuditOutcome.REFUSED,
        ),
    }
    for entry in entries.values():
        await books.note(entry)
    return entries


PARTNER = {"partner", "class", "class alone"}
SEES = {
    "supervisor": {*PARTNER, "org", "sibling", "foreign", "login", "suspension", "refusal"},
    "admin": {*PARTNER, "org", "sibling"},
    "owner": {*PARTNER, "refusal"},
    "instructor": set(),
    "assistant": set(),
    "student": {"login", "suspension"},
    "left": set(),
    "former": set(),
    "stranger": set(),
    "neighbour": set(),
}
# Of orgs o, partners p and classes c of the academy, by number.
MAY_NAME = {
    "supervisor": {"o0", "o1", "p0", "p1", "p2", "c0", "c1", "c2", "missing"},
    "admin": {"o0", "p0", "p1", "c0", "c1"},
    "owner": {"o0", "p0", "c0"},
    "instructor": {"o0", "p0", "c0"},
    "assistant": {"o0", "p0", "c0"},
    "student": {"o0", "p0", "c0"},
    "left": {"o0", "p1", "c1"},
    "former": set(),
    "stranger": set(),
    "neighbour": {"o1", "p2", "c2"},
}
LIES_IN = {
    "o0": {*PARTNER, "org", "sibling"},
    "o1": {"foreign"},
    "p0": {"partner", "class"},
    "p1": {"sibling"},
    "p2": {"foreign"},
    "c0": {"class", "class alone"},
    "c1": {"sibling"},
    "c2": {"foreign"},
    "missing": set(),
}


@pytest.fixture
def look(http, academy, log):
    """`look(name, **query)`: names of the entries that came, or the status and code of a refusal."""
    names = {str(entry.audit_id): name for name, entry in log.items()}

    async def seen(name, **query):
        get = http(academy.people[name], tier="supervisor" if name == "supervisor" else "user")
        answer = await get("/audit-events", **(NOVEMBER | query))
        if answer.status_code != 200:
            return answer.status_code, answer.json()["code"]
        return {names[item["audit_id"]] for item in answer.json()["items"]}

    return seen


@pytest.mark.parametrize("name", SEES)
async def test_each_sees_their_part_of_the_log(look, name):
    assert await look(name) == SEES[name]


@pytest.mark.parametrize("name", MAY_NAME)
async def test_a_named_tenant_narrows_and_a_foreign_one_is_not_there(look, academy, name):
    tenants = {f"o{n}": {"org_id": org} for n, org in enumerate(academy.orgs)}
    tenants |= {f"p{n}": {"partner_id": partner} for n, partner in enumerate(academy.partners)}
    tenants |= {f"c{n}": {"class_id": class_id} for n, class_id in enumerate(academy.classes)}
    missing = [("missing", {kind: uuid4()}) for kind in ("org_id", "partner_id", "class_id")]
    for tenant, query in [*tenants.items(), *missing]:
        expected = SEES[name] & LIES_IN[tenant] if tenant in MAY_NAME[name] else (404, "tenant_not_found")
        assert await look(name, **query) == expected, tenant


async def test_a_suspended_org_or_partner_takes_the_log_from_those_who_work_in_it(look, books, academy):
    await books.suspend(academy.orgs[0], academy.partners[0])
    assert await look("owner") == {"refusal"}
    assert await look("owner", partner_id=academy.partners[0]) == (404, "tenant_not_found")
    assert await look("admin") == SEES["admin"]

    await books.suspend(academy.orgs[0])
    assert await look("admin") == set()
    assert await look("admin", org_id=academy.orgs[0]) == (404, "tenant_not_found")
    assert await look("student") == SEES["student"]
    assert await look("supervisor") == SEES["supervisor"]


FILTERS = {
    "action": ({"action": "class.closed"}, {"class", "sibling", "foreign"}),
    "prefix": ({"action": "class."}, {"class", "class alone", "sibling", "foreign"}),
    # The underscore is a letter here, no pattern.
    "prefix with an underscore": ({"action": "lo_in."}, set()),
    "outcome": ({"outcome": "refused"}, {"refusal"}),
    "publisher": ({"publisher": "rag"}, {"class alone"}),
    "two": ({"publisher": "org_partner", "action": "class."}, {"class", "sibling", "foreign"}),
    "ip": ({"ip": "198.51.100.9"}, {"login"}),
    "the same ip in another form": ({"ip": "::ffff:198.51.100.9"}, set()),
    "no such": ({"action": "nothing.done"}, set()),
    "days": ({"from_": "2026-11-11"}, set()),
}


@pytest.mark.parametrize("kind", FILTERS)
async def test_filters_narrow(look, kind):
    query, expected = FILTERS[kind]
    assert await look("supervisor", **query) == expected


async def test_actor_and_target_filter(look, academy):
    student = academy.people["student"]
    assert await look("supervisor", actor_id=student) == {"login"}
    assert await look("supervisor", target=f"user/{student}") == {"suspension"}
    assert await look("supervisor", target=f"org/{academy.orgs[0]}") == {"org"}
    assert await look("owner", actor_id=student) == set()
    assert await look("stranger", target=f"user/{student}") == set()


async def test_an_entry_as_a_supervisor_sees_it(http, academy, log):
    get = http(academy.people["supervisor"], tier="supervisor")
    (item,) = (await get("/audit-events", action="partner.renamed", **NOVEMBER)).json()["items"]

    assert item.pop("recorded_at")
    entry = log["partner"]
    assert item == {
        "audit_id": str(entry.audit_id),
        "occurred_at": "2026-11-10T03:00:00Z",
        "publisher": "org_partner",
        "action": "partner.renamed",
        "outcome": "succeeded",
        "actor_id": str(entry.actor_id),
        "session_id": str(entry.session_id),
        "target": entry.target,
        "org_id": str(entry.org_id),
        "partner_id": str(entry.partner_id),
        "class_id": None,
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "request_id": "a-request-id",
        "detail": {"reason_code": "abuse", "sessions": 2},
    }


async def _origins(get, **query):
    items = (await get("/audit-events", **NOVEMBER, **query)).json()["items"]
    return {(item["action"], item["ip"], item["user_agent"]) for item in items}


async def test_where_somebody_came_from_is_shown_to_them_and_to_supervisors_alone(http, academy, log):
    student, admin = http(academy.people["student"]), http(academy.people["admin"])

    assert await _origins(student) == {
        ("login.succeeded", "198.51.100.9", "Mozilla/5.0"),
        ("user.suspended", None, None),
    }
    assert {(ip, agent) for _, ip, agent in await _origins(admin)} == {(None, None)}
    supervisor = http(academy.people["supervisor"], tier="supervisor")
    assert None not in {ip for _, ip, _ in await _origins(supervisor)}


async def test_nobody_finds_out_by_filtering_where_somebody_else_came_from(http, academy, log):
    for name in ("admin", "owner"):
        assert await _origins(http(academy.people[name]), ip="203.0.113.7", action="class.") == set()
    own = await _origins(http(academy.people["owner"]), ip="203.0.113.7")
    assert own == {("request.forbidden", "203.0.113.7", "Mozilla/5.0")}


async def test_a_login_that_failed_is_shown_to_its_user_without_the_strangers_address(http, books, make_entry):
    user = uuid4()
    await books.note(make_entry(action="login.refused", actor_id=None, target=f"user/{user}"))

    assert await _origins(http(user)) == {("login.refused", None, None)}


async def test_after_an_erasure_the_entry_is_there_without_its_origin(http, academy, log, books):
    await books.erase(academy.people["student"])
    supervisor = http(academy.people["supervisor"], tier="supervisor")

    assert await _origins(supervisor, actor_id=academy.people["student"]) == {("login.succeeded", None, None)}


async def test_pages_are_the_whole_in_pieces_while_new_entries_come(http, books, make_entry):
    user = uuid4()
    start = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
    for minute in (3, 1, 2, 2, 0):
        await books.note(make_entry(actor_id=user, occurred_at=start + timedelta(minutes=minute), detail={"n": minute}))
    get, seen, cursor = http(user), [], {}
    for _ in range(3):
        page = (await get("/audit-events", limit=2, **NOVEMBER, **cursor)).json()
        seen += page["items"]
        cursor = {"cursor": page["next_cursor"]}
        await books.note(make_entry(actor_id=user, occurred_at=start + timedelta(hours=1)))

    assert [item["detail"]["n"] for item in seen] == [3, 2, 2, 1, 0]
    assert len({item["audit_id"] for item in seen}) == 5
    assert cursor == {"cursor": None}


async def test_days_begin_and_end_at_midnight_in_seoul(http, books, make_entry):
    user = uuid4()
    midnight = datetime(2026, 11, 9, 15, tzinfo=UTC)
    moments = [midnight - timedelta(microseconds=1), midnight, midnight + timedelta(days=1, microseconds=-1)]
    for number, moment in enumerate([*moments, midnight + timedelta(days=1)]):
        await books.note(make_entry(actor_id=user, occurred_at=moment, detail={"n": number}))

    answer = await http(user)("/audit-events", from_="2026-11-10", to="2026-11-10")

    assert [item["detail"]["n"] for item in answer.json()["items"]] == [2, 1]


async def test_without_days_it_is_the_last_thirty(http, books, make_entry):
    user = uuid4()
    for age in (0, 28, 31):
        await books.note(make_entry(actor_id=user, occurred_at=datetime.now(UTC) - timedelta(days=age)))

    assert len((await http(user)("/audit-events")).json()["items"]) == 2


class KeyVerifier:
    """An API key that may do all that a key can be allowed here."""

    async def verify(self, token):
        return Principal(uuid4(), "user", uuid4(), 0, frozenset({"usage:read"}))


async def test_no_api_key_reaches_the_log(wired, settings, http_of):
    async with http_of(verifier=KeyVerifier()) as client:
        for path in ("/audit-events", "/audit-events/export"):
            answer = await client.get(path, headers={"Authorization": "Bearer of a key"})
            assert (answer.status_code, answer.json()["code"]) == (403, "login_needed")
        assert (await client.get("/usage/summary", headers={"Authorization": "Bearer of a key"})).status_code == 200


async def test_a_foreign_tenant_and_a_missing_one_get_the_same_answer(http, academy):
    get = http(academy.people["owner"])
    answers = [await get("/audit-events", class_id=class_id) for class_id in (academy.classes[2], uuid4())]

    own = ("instance", "request_id")
    first, second = ({k: v for k, v in answer.json().items() if k not in own} for answer in answers)
    assert first == second
    assert (first["status"], first["field"]) == (404, "class_id")


def test_every_publisher_can_be_filtered_by():
    (choices, _) = get_args(AuditQuery.model_fields["publisher"].annotation)
    assert get_args(choices) == SERVICES


def test_only_the_permission_check_makes_the_proof():
    source = Path(usage_metrics.__file__).parent
    makers = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "AuditReach"
    }

    assert makers == {"service/permission.py"}

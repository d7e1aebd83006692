"""Every operation of every service for every kind of caller, through the gateway, against expected.yaml."""

import json
import re
from http import HTTPStatus

import httpx
import pytest
from isolation_world import operations
from isolation_world.api import described, expected
from isolation_world.people import CALLERS
from isolation_world.world import World

TABLE = expected()


@pytest.fixture(scope="module")
def documented(http: httpx.Client) -> dict[str, set[str]]:
    return {each.operation: set(each.details["responses"]) for each in described(http)}


def ask(world: World, http: httpx.Client, operation: str, caller: str) -> httpx.Response:
    method, path = operation.split(" ", 1)
    request = operations.of(operation)
    succeeds = TABLE[operation][caller] < HTTPStatus.MULTIPLE_CHOICES
    ids = world.ours.ids | (request.fresh(world) if request.fresh and succeeds else {})
    options = dict(request.options(world, ids))
    known = world.new_login(caller) if request.new_login and succeeds else world.headers(caller, path)
    headers = known | options.pop("headers", {})
    return http.request(method, path.format(**operations.ids_for(path, ids)), headers=headers, **options)


# Who must find nothing of ours in any answer, and a partner that must find nothing of the one beside it.
OUTSIDERS = ("user", "other_partner", "other_admin")
# The org's own, which every partner of it sees.
OF_THE_ORG = {"org_id", "course_id", "policy_id", "domain", "sibling_id"}


@pytest.mark.parametrize("operation", TABLE)
def test_each_caller_gets_what_the_table_says(world, http, operation):
    answers = {caller: ask(world, http, operation, caller) for caller in CALLERS}

    seen = {caller: answer.status_code for caller, answer in answers.items()}
    assert seen == TABLE[operation], {
        caller: answers[caller].text[:300] for caller in CALLERS if seen[caller] != TABLE[operation][caller]
    }
    assert told_of_ours(world, answers) == {}


def told_of_ours(world: World, answers: dict[str, httpx.Response]) -> dict[str, list[str]]:
    """What an answer says of ours to those who have no part in it: a list that is let in must be cut to its reader."""
    ours = world.ours.ids
    hidden = {who: set(ours) for who in OUTSIDERS} | {"sibling": set(ours) - OF_THE_ORG}
    found: dict[str, list[str]] = {}
    for caller, names in hidden.items():
        text = read(answers[caller]) if answers[caller].is_success else ""
        if told := [around(text, ours[name]) for name in names if ours[name] in text]:
            found[caller] = told
    return found


def around(text: str, found: str) -> str:
    """What it stands in, for whoever reads the failure."""
    place = text.index(found)
    return text[max(0, place - 300) : place + 100]


def read(answer: httpx.Response) -> str:
    """Of the audit log, a line at a time, without the ids that the reader named: in what they were refused, and as the
    filter of a list of their own.
    """
    if "/audit-events" not in str(answer.request.url):
        return answer.text
    lines = map(json.dumps, answer.json()["items"]) if "json" in answer.headers["content-type"] else answer.iter_lines()
    return "\n".join(re.sub(r'"+filters"+: {[^}]*}', "", line) for line in lines if "request.forbidden" not in line)


@pytest.mark.parametrize(
    ("who", "path", "params", "name"),
    [
        ("admin", "/orgs", {}, "org_id"),
        ("admin", "/orgs/{org_id}/partners", {}, "partner_id"),
        ("owner", "/documents", {}, "document_id"),
        ("owner", "/conversations", {}, "conversation_id"),
        ("owner", "/projects", {}, "project_id"),
        ("student", "/agents", {}, "agent_id"),
        ("owner", "/partners/{partner_id}/classes", {}, "class_id"),
        ("student", "/enrollments", {}, "enrollment_id"),
        ("owner", "/usage/events", {}, "class_id"),
        ("admin", "/usage/summary", {"group_by": "partner"}, "partner_id"),
        ("admin", "/audit-events", {}, "org_id"),
        ("admin", "/audit-events/export", {}, "org_id"),
    ],
)
def test_the_lists_do_hold_what_is_ours(world, who, path, params, name):
    """Else there would be nothing in them to hide from the others."""
    person = getattr(world.ours, who)
    ids = operations.ids_for(path, world.ours.ids)
    world.until(lambda: world.ours.ids[name] in world.text(person, path.format(**ids), params))


def test_a_search_finds_what_is_ours(world):
    # The operations of the table have left documents of the same words.
    wanted = {"query": "환불은 언제까지 되나요?", "top_k": 50}
    found = world.ask(world.ours.owner, "POST", "/search", json=wanted)
    assert world.ours.ids["document_id"] in {hit["document_id"] for hit in found["hits"]}


def test_the_table_has_every_operation_and_no_other(documented):
    assert set(TABLE) == set(documented)


@pytest.mark.parametrize("operation", TABLE)
def test_every_answer_of_the_table_is_documented(documented, operation):
    assert {str(status) for status in TABLE[operation].values()} <= documented[operation]


@pytest.mark.parametrize("operation", TABLE)
def test_nobody_is_let_in_without_a_token_where_anybody_is_refused(operation):
    """The table itself: a row that treats callers alike is a public door, and every other one begins with two 401."""
    row = TABLE[operation]
    is_public = len(set(row.values())) == 1
    assert is_public or (row["no_token"], row["expired"], row["wrong_scope"]) == (401, 401, 403)


def test_another_org_s_people_reach_nothing_that_is_ours():
    """The table itself: whoever has no part in the org gets nothing of an operation that names one of its things."""
    # Names that everybody knows, and the platform's own things, which belong to no org.
    own = {"name", "provider", "migration_id", "check_id"}
    for operation, row in TABLE.items():
        names = {part.strip("{}") for part in operation.split("/") if part.startswith("{")} - own
        if names and "/users/" not in operation:
            outsiders = {row[caller] for caller in ("user", "other_partner", "other_admin")}
            assert outsiders == {404}, operation

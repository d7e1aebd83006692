"""Every operation of every service for every kind of caller, through the gateway, against expected.yaml."""

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


@pytest.mark.parametrize("operation", TABLE)
def test_each_caller_gets_what_the_table_says(world, http, operation):
    answers = {caller: ask(world, http, operation, caller) for caller in CALLERS}

    seen = {caller: answer.status_code for caller, answer in answers.items()}
    assert seen == TABLE[operation], {
        caller: answers[caller].text[:300] for caller in CALLERS if seen[caller] != TABLE[operation][caller]
    }


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
    own = {"name", "provider"}
    for operation, row in TABLE.items():
        names = {part.strip("{}") for part in operation.split("/") if part.startswith("{")} - own
        if names and "/users/" not in operation:
            outsiders = {row[caller] for caller in ("user", "other_partner", "other_admin")}
            assert outsiders == {404}, operation

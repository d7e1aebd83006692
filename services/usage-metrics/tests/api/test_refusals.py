"""What is asked wrongly is refused with the reason, in both languages, and never answered with something else."""

import base64
import json
from uuid import UUID, uuid4

import pytest

from usage_metrics.main import create_app

BOTH = ("/usage/summary", "/usage/events")
LOG = ("/audit-events", "/audit-events/export")
DAYS_AND_IDS = [
    ({"from_": "2026-13-01"}, "query.from"),
    ({"from_": "yesterday"}, "query.from"),
    ({"to": "2026-11-31"}, "query.to"),
    ({"to": "2026-11-01T10:00:00"}, "query.to"),
    ({"from_": "0001-01-01"}, "query.from"),
    ({"to": "9999-12-31"}, "query.to"),
    ({"from_": ""}, "query.from"),
    ({"org_id": "growfit"}, "query.org_id"),
    ({"partner_id": "1"}, "query.partner_id"),
    ({"class_id": "1반"}, "query.class_id"),
    ({"groupby": "day"}, "query.groupby"),
    ({"org": "x"}, "query.org"),
]
OF_USAGE = [
    ({"user_id": "' OR 1=1"}, "query.user_id"),
    ({"operation": "dreaming"}, "query.operation"),
    ({"model": ""}, "query.model"),
    ({"model": "a\x00b"}, "query.model"),
    ({"model": "m" * 201}, "query.model"),
    ({"limit": 0}, "query.limit"),
    ({"limit": 1001}, "query.limit"),
    ({"limit": "all"}, "query.limit"),
]
OF_THE_LOG = [
    ({"action": ""}, "query.action"),
    ({"action": "user"}, "query.action"),
    ({"action": "User.Suspended"}, "query.action"),
    ({"action": "user.%"}, "query.action"),
    ({"action": "user.suspended\n"}, "query.action"),
    ({"action": "user." + "a" * 100}, "query.action"),
    ({"outcome": "failed"}, "query.outcome"),
    ({"actor_id": "me"}, "query.actor_id"),
    ({"target": ""}, "query.target"),
    ({"target": "user/\x00"}, "query.target"),
    ({"target": "u" * 301}, "query.target"),
    ({"publisher": "org-partner"}, "query.publisher"),
    ({"ip": "203.0.113"}, "query.ip"),
    ({"ip": "203.0.113.0/24"}, "query.ip"),
    ({"user_id": str(UUID(int=7))}, "query.user_id"),
]
VALIDATION = [
    *((path, *case) for path in BOTH for case in (*DAYS_AND_IDS, *OF_USAGE)),
    *((path, *case) for path in LOG for case in (*DAYS_AND_IDS, *OF_THE_LOG)),
    ("/audit-events", {"limit": 0}, "query.limit"),
    ("/audit-events", {"limit": 201}, "query.limit"),
    ("/audit-events/export", {"limit": 5}, "query.limit"),
    ("/audit-events/export", {"cursor": "x"}, "query.cursor"),
]
SUMMARY_ALONE = [
    ({"group_by": "week"}, "query.group_by.0"),
    ({"group_by": "day,org_id"}, "query.group_by.1"),
    ({"group_by": ""}, "query.group_by.0"),
    ({"group_by": "day,"}, "query.group_by.1"),
    ({"group_by": "day;DROP TABLE"}, "query.group_by.0"),
    ({"sort": "price"}, "query.sort"),
]


@pytest.fixture
def get(http):
    return http(uuid4())


@pytest.mark.parametrize(("path", "query", "field"), VALIDATION)
async def test_a_wrong_value_names_its_field(get, path, query, field):
    answer = await get(path, **query)

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], [item["field"] for item in answer.json()["errors"]]) == (
        "validation_failed",
        [field],
    )


@pytest.mark.parametrize(("query", "field"), SUMMARY_ALONE)
async def test_a_wrong_grouping_names_its_part(get, query, field):
    answer = await get("/usage/summary", **query)

    assert answer.status_code == 422, answer.text
    assert [item["field"] for item in answer.json()["errors"]] == [field]


async def test_lines_are_not_grouped(get):
    answer = await get("/usage/events", group_by="day")

    assert [(item["field"], item["type"]) for item in answer.json()["errors"]] == [
        ("query.group_by", "extra_forbidden")
    ]


@pytest.mark.parametrize("path", [*BOTH, *LOG])
async def test_days_in_the_wrong_order(get, path):
    english = await get(path, from_="2026-11-02", to="2026-11-01")
    korean = await get(path, from_="2026-11-02", to="2026-11-01", locale="ko")

    assert (english.status_code, english.json()["code"]) == (422, "period_reversed")
    assert english.json()["detail"] == "`from` (2026-11-02) is after `to` (2026-11-01). Swap the two dates."
    assert korean.json()["detail"] == "from(2026-11-02)이 to(2026-11-01)보다 뒤입니다. 두 날짜를 바꾸세요."


@pytest.mark.parametrize("path", [*BOTH, *LOG])
async def test_more_than_a_year(get, path):
    assert (await get(path, from_="2025-11-01", to="2026-11-01")).status_code == 200
    answer = await get(path, from_="2025-10-31", to="2026-11-01")
    assert (answer.status_code, answer.json()["code"], answer.json()["days"]) == (422, "period_too_long", 367)
    assert (await get(path, from_="2020-01-01", to="2100-12-31")).json()["code"] == "period_too_long"


def _cursor(*parts):
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


BAD_CURSORS = [
    "x",
    "%%%",
    "null",
    "bnVsbA",
    _cursor(),
    _cursor("group,model"),
    _cursor("group,model", "a", "b"),
    _cursor("group,model", 5),
    _cursor("group,model", "a\x00b"),
    _cursor("group,model", "\ud800"),
    _cursor("group,day", "2026-11-10"),
    _cursor("tokens,model", "-5", "a"),
]


@pytest.mark.parametrize("cursor", BAD_CURSORS)
async def test_a_cursor_of_somebody_elses_making(get, cursor):
    answer = await get("/usage/summary", group_by="model", cursor=cursor)

    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize("day", ["2026-99-99", "", "infinity", "20261110Z"])
async def test_a_cursor_with_no_day_in_it(get, day):
    answer = await get("/usage/summary", group_by="day", cursor=_cursor("group,day", day))

    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize("tokens", ["1e5", "", "9" * 40, "-" + "9" * 5000])
async def test_a_cursor_with_no_sensible_number_in_it(get, tokens):
    answer = await get("/usage/summary", group_by="model", sort="tokens", cursor=_cursor("tokens,model", tokens, "a"))

    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/usage/events", "/audit-events"])
@pytest.mark.parametrize("cursor", [*BAD_CURSORS, _cursor("2026-11-10T00:00:00", str(UUID(int=7)))])
async def test_a_cursor_of_another_route_or_of_none(get, path, cursor):
    answer = await get(path, cursor=cursor)

    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


async def test_usage_and_log_are_read_only(http, settings):
    methods = {
        method
        for path, route in create_app(settings).openapi()["paths"].items()
        if path.startswith(("/usage", "/audit-events"))
        for method in route
    }
    assert methods == {"get"}

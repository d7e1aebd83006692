"""Platform settings: all of them with type and bounds, changed by supervisors alone, with history and events."""

import asyncio
import json
from typing import Any

import pytest

from contracts.envelope import decode
from contracts.identity import PlatformSettingsChanged
from contracts.platform import LONGEST_ACCESS_MINUTES, SETTINGS

RATE = "api.requests_per_minute"
# One value for each setting, within its bounds and not its default.
OTHER = {
    "api.requests_per_minute": 600,
    "api.upload_max_bytes": 50 * 1024**2,
    "api.allowed_types": ["application/pdf"],
    "api.cors_origins": ["https://app.example", "http://localhost:5173"],
    "documents.max_per_user": 500,
    "documents.max_bytes_per_user": 0,
    "documents.max_bytes_per_org": 1024**4,
    "security.sign_up_mode": "invite_only",
    "security.email_verification_required": True,
    "security.password_min_length": 14,
    "security.mfa_required_tiers": ["org", "partner"],
    "security.access_token_minutes": 5,
    "security.refresh_token_days": 7,
    "security.login_attempts": 5,
    "security.signing_key_days": 30,
}


@pytest.fixture
async def as_new(sql):
    """No setting was ever set, before the test and after it."""
    tables = "supervisor.platform_setting, supervisor.platform_setting_changes"
    await sql.rows(f"TRUNCATE {tables}")
    await sql.rows("DELETE FROM identity.outbox WHERE subject = 'identity.platform_setting.changed.v1'")
    await sql.rows("DELETE FROM identity.outbox WHERE payload->'data'->>'action' = 'platform_setting.changed'")
    yield
    await sql.rows(f"TRUNCATE {tables}")


pytestmark = pytest.mark.usefixtures("as_new")


@pytest.fixture
def published(sql):
    async def read() -> list[PlatformSettingsChanged]:
        query = "SELECT payload::text AS body FROM identity.outbox WHERE subject = %s ORDER BY id"
        rows = await sql.rows(query, "identity.platform_setting.changed.v1")
        return [decode(row["body"].encode()).data for row in rows]

    return read


async def test_all_settings_are_there_with_type_bounds_and_default(boss) -> None:
    page = (await boss("GET", "/platform-settings")).json()
    found = {each["name"]: each for each in page["items"]}
    assert (found.keys(), page["next_cursor"]) == (SETTINGS.keys(), None)
    for name, each in found.items():
        assert each["value"] == each["default"] == SETTINGS[name].default
        assert (each["is_set"], each["version"], each["changed_at"]) == (False, 0, None)
        assert each["group"] == name.split(".")[0]
    rate = found[RATE]["schema"]
    assert (rate["type"], rate["minimum"], rate["maximum"]) == ("integer", 10, 1_000_000)
    assert found["security.sign_up_mode"]["schema"]["enum"] == ["open", "invite_only", "closed"]


async def test_they_come_in_pages(boss, problem) -> None:
    cursor, seen = None, []
    while True:
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = (await boss("GET", "/platform-settings", params=params)).json()
        assert len(page["items"]) <= 4
        seen += [each["name"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == list(SETTINGS)
    problem(await boss("GET", "/platform-settings", params={"cursor": "api.none"}), 422, "cursor_invalid")
    for params in ({"limit": 0}, {"limit": "x"}, {"groop": "api"}):
        problem(await boss("GET", "/platform-settings", params=params), 422, "validation_failed")


@pytest.mark.parametrize(("language", "word"), [("ko", "요청"), ("en", "Requests")])
async def test_the_description_is_in_the_caller_s_language(boss, language, word) -> None:
    assert word in (await boss("GET", f"/platform-settings/{RATE}", language=language)).json()["description"]


async def test_the_settings_of_one_group(boss, problem) -> None:
    for group in ("api", "documents", "security"):
        items = (await boss("GET", "/platform-settings", params={"group": group})).json()["items"]
        assert {each["name"] for each in items} == {name for name in SETTINGS if name.startswith(f"{group}.")}
    problem(await boss("GET", "/platform-settings", params={"group": "other"}), 422, "validation_failed")


@pytest.mark.parametrize("name", SETTINGS)
async def test_a_setting_is_set_and_taken_back(boss, published, name) -> None:
    value = OTHER[name]
    answer = await boss("PUT", f"/platform-settings/{name}", {"value": value})
    assert answer.status_code == 200, answer.text
    put = answer.json()
    assert (put["value"], put["default"], put["is_set"], put["version"]) == (value, SETTINGS[name].default, True, 1)
    assert (await boss("GET", f"/platform-settings/{name}")).json() == put

    back = (await boss("DELETE", f"/platform-settings/{name}")).json()
    assert (back["value"], back["is_set"], back["version"]) == (SETTINGS[name].default, False, 2)
    events = await published()
    assert [(event.name, event.value, event.version) for event in events] == [(name, value, 1), (name, None, 2)]
    assert len({event.setting_id for event in events}) == 1


async def test_every_setting_is_tried_here() -> None:
    assert OTHER.keys() == SETTINGS.keys()
    assert all(value != SETTINGS[name].default for name, value in OTHER.items())


WRONG: list[tuple[str, Any, str, str]] = [
    (RATE, 9, "10 이상", "greater than or equal to 10"),
    (RATE, 1_000_001, "1000000 이하", "less than or equal to 1000000"),
    (RATE, "600", "정수", "integer"),
    (RATE, 60.5, "정수", "integer"),
    (RATE, True, "정수", "integer"),
    (RATE, None, "정수", "integer"),
    (RATE, [600], "정수", "integer"),
    (RATE, 10**30, "이하", "less than or equal"),
    ("security.email_verification_required", "yes", "true 또는 false", "boolean"),
    ("security.email_verification_required", 1, "true 또는 false", "boolean"),
    ("security.sign_up_mode", "OPEN", "'open', 'invite_only', 'closed'", "'open', 'invite_only' or 'closed'"),
    ("api.allowed_types", ["image/gif"], "'application/pdf'", "'application/pdf'"),
    ("api.allowed_types", "application/pdf", "목록", "list"),
    ("api.cors_origins", ["https://app.example/"], "형식", "pattern"),
    ("api.cors_origins", ["*"], "형식", "pattern"),
    ("api.cors_origins", ["null"], "형식", "pattern"),
    ("api.cors_origins", ["https://a.example\n"], "형식", "pattern"),
    ("api.cors_origins", ["https://a.example"] * 51, "50개까지", "at most 50"),
    ("api.cors_origins", ["https://" + "a" * 300], "200자 이하", "at most 200"),
    ("security.mfa_required_tiers", ["student"], "'supervisor', 'org', 'partner', 'user'", "'supervisor'"),
    ("security.access_token_minutes", 61, "60 이하", "less than or equal to 60"),
]


@pytest.mark.parametrize(("name", "value", "ko", "en"), WRONG, ids=str)
async def test_a_wrong_value_is_refused_and_its_bounds_are_named(boss, problem, published, name, value, ko, en) -> None:
    for language, words in (("ko", ko), ("en", en)):
        answer = await boss("PUT", f"/platform-settings/{name}", {"value": value}, language)
        (error, *_) = problem(answer, 422, "validation_failed")["errors"]
        assert error["field"].startswith("body.value")
        assert words in error["message"]
    assert (await boss("GET", f"/platform-settings/{name}")).json()["version"] == 0
    assert await published() == []


@pytest.mark.parametrize("body", [None, {}, [], {"value": 600, "extra": 1}, {"value": 600, "version": -1}])
async def test_a_body_of_another_form(boss, problem, body) -> None:
    problem(await boss("PUT", f"/platform-settings/{RATE}", body), 422, "validation_failed")


@pytest.mark.parametrize("name", ["api.nothing", "API.REQUESTS_PER_MINUTE", "x" * 5_000, "%00", "..%2fauth"])
async def test_a_name_that_is_none(boss, problem, name) -> None:
    for method, path, body in (
        ("GET", "", None),
        ("PUT", "", {"value": 1}),
        ("DELETE", "", None),
        ("GET", "/history", None),
    ):
        answer = await boss(method, f"/platform-settings/{name}{path}", body)
        assert answer.status_code == 404, answer.text
        assert answer.json()["code"] in ("setting_not_found", "route_not_found")


async def test_whoever_read_an_older_version_is_told(boss, problem) -> None:
    path = f"/platform-settings/{RATE}"
    assert (await boss("PUT", path, {"value": 600, "version": 0})).json()["version"] == 1
    body = problem(await boss("PUT", path, {"value": 700, "version": 0}), 409, "setting_outdated")
    assert (body["version"], body["current_version"]) == (0, 1)
    problem(await boss("DELETE", path, params={"version": 0}), 409, "setting_outdated")
    assert (await boss("GET", path)).json()["value"] == 600
    assert (await boss("PUT", path, {"value": 700, "version": 1})).json()["version"] == 2
    assert (await boss("DELETE", path, params={"version": 2})).json()["version"] == 3
    assert (await boss("PUT", path, {"value": 800, "version": 3})).json()["version"] == 4


async def test_of_ten_who_change_the_same_version_at_once_one_does(boss, published) -> None:
    bodies = [{"value": 100 + number, "version": 0} for number in range(10)]
    answers = await asyncio.gather(*(boss("PUT", f"/platform-settings/{RATE}", body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    assert [event.version for event in await published()] == [1]


async def test_changes_at_once_are_all_in_the_history(boss, published) -> None:
    values = [100 + number for number in range(10)]
    await asyncio.gather(*(boss("PUT", f"/platform-settings/{RATE}", {"value": value}) for value in values))
    history = (await boss("GET", f"/platform-settings/{RATE}/history")).json()["items"]
    assert sorted(each["new_value"] for each in history) == values
    assert sorted(each["version"] for each in history) == list(range(1, 11))
    assert [event.version for event in await published()] == list(range(1, 11))


async def test_the_value_that_stands_is_no_change(boss, published, sql) -> None:
    path = f"/platform-settings/{RATE}"
    assert (await boss("DELETE", path)).json()["version"] == 0
    for _ in range(3):
        assert (await boss("PUT", path, {"value": 600})).json()["version"] == 1
    assert len(await published()) == 1
    assert len(await sql.audited(f"platform_setting/{RATE}")) == 1
    # The default, set on purpose, is set: it stays when the product's default changes.
    default = SETTINGS[RATE].default
    assert (await boss("PUT", path, {"value": default})).json()["is_set"] is True


async def test_the_history_says_who_what_when_and_from_where(boss, supervisor, sql) -> None:
    path = f"/platform-settings/{RATE}"
    for body in ({"value": 600}, {"value": 700}):
        await boss("PUT", path, body)
    await boss("DELETE", path)
    history = (await boss("GET", f"{path}/history")).json()
    steps = [(each["version"], each["old_value"], each["new_value"]) for each in history["items"]]
    assert steps == [(3, 700, None), (2, 600, 700), (1, None, 600)]
    middle = history["items"][1]["changed_at"]
    for params, versions in (({"changed_from": middle}, [3, 2]), ({"changed_to": middle}, [1])):
        part = (await boss("GET", f"{path}/history", params=params)).json()["items"]
        assert [each["version"] for each in part] == versions
    assert (await boss("GET", f"{path}/history", params={"changed_to": "2026-11-01"})).status_code == 422
    for each in history["items"]:
        assert (each["changed_by"], each["changed_by_name"]) == (supervisor.user_id, "김민지")
        assert each["ip"] == "127.0.0.1"
        assert each["user_agent"].startswith("python-httpx")
    entries = await sql.audited(f"platform_setting/{RATE}")
    seen = [(entry["action"], entry["actor_id"], entry["detail"]) for entry in entries[-3:]]
    assert seen == [("platform_setting.changed", supervisor.user_id, {"version": number}) for number in (1, 2, 3)]


async def test_the_history_has_pages(boss) -> None:
    path = f"/platform-settings/{RATE}"
    for value in range(100, 105):
        await boss("PUT", path, {"value": value})
    found, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await boss("GET", f"{path}/history", params=params)).json()
        found.append([each["new_value"] for each in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [[104, 103], [102, 101], [100]]
    other = (await boss("GET", "/platform-settings/api.cors_origins/history")).json()
    assert other == {"items": [], "next_cursor": None}


async def test_the_history_cannot_be_rewritten(boss, database) -> None:
    import psycopg  # noqa: PLC0415

    await boss("PUT", f"/platform-settings/{RATE}", {"value": 600})
    async with await psycopg.AsyncConnection.connect(database.libpq_url("identity"), autocommit=True) as connection:
        for statement in (
            "UPDATE supervisor.platform_setting_changes SET new_value = '1'",
            "UPDATE supervisor.platform_setting_changes SET changed_by = changed_by",
            "DELETE FROM supervisor.platform_setting_changes",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/platform-settings", None),
        ("GET", f"/platform-settings/{RATE}", None),
        ("PUT", f"/platform-settings/{RATE}", {"value": 600}),
        ("DELETE", f"/platform-settings/{RATE}", None),
        ("GET", f"/platform-settings/{RATE}/history", None),
        ("GET", "/platform-settings/api.nothing", None),
    ],
)
async def test_nobody_but_a_supervisor(client, account, asker, problem, sql, method, path, body) -> None:
    ask = await asker(account)
    problem(await ask(method, path, body), 403, "supervisor_only")
    problem(await client.http.request(method, path, json=body), 401, "token_missing")
    assert await sql.rows("SELECT 1 FROM supervisor.platform_setting") == []


async def test_a_supervisor_without_a_second_factor_cannot_ask_one_of_supervisors(boss, problem, sql) -> None:
    path = "/platform-settings/security.mfa_required_tiers"
    problem(await boss("PUT", path, {"value": ["org", "supervisor"]}), 409, "setting_needs_your_factor")
    assert (await boss("GET", path)).json()["version"] == 0
    assert await sql.audited("platform_setting/security.mfa_required_tiers") == []


async def test_with_one_they_can(boss, supervisor, sql) -> None:
    query = "INSERT INTO identity.totp_factors (user_id, sealed, confirmed_at) VALUES (%s, '\\x00', now())"
    await sql.rows(query, supervisor.user_id)
    answer = await boss("PUT", "/platform-settings/security.mfa_required_tiers", {"value": ["supervisor"]})
    assert answer.status_code == 200, answer.text


async def test_a_supervisor_with_an_unverified_address_cannot_ask_verified_ones(boss, supervisor, problem, sql) -> None:
    await sql.rows('UPDATE "user".app_user SET email_verified_at = NULL WHERE user_id = %s', supervisor.user_id)
    path = "/platform-settings/security.email_verification_required"
    problem(await boss("PUT", path, {"value": True}), 409, "setting_needs_your_email")
    assert (await boss("PUT", path, {"value": False})).status_code == 200


def test_a_session_always_lives_longer_than_its_access_tokens() -> None:
    """By the bounds, so no change needs to compare the two."""
    access = SETTINGS["security.access_token_minutes"].adapter.json_schema()
    refresh = SETTINGS["security.refresh_token_days"].adapter.json_schema()
    assert access["maximum"] <= LONGEST_ACCESS_MINUTES < refresh["minimum"] * 24 * 60


async def test_identity_itself_applies_a_setting_without_a_restart(client, boss, problem) -> None:
    path = "/platform-settings/security.sign_up_mode"
    form = {"email": "late@example.com", "password": "correct-horse-battery", "display_name": "김민지"}
    await boss("PUT", path, {"value": "closed"})
    client.wired.access.platform._read_at = float("-inf")  # as two seconds later
    problem(await client.post("/auth/sign-up", form), 403, "sign_up_closed")
    await boss("DELETE", path)
    client.wired.access.platform._read_at = float("-inf")
    assert (await client.post("/auth/sign-up", form)).status_code == 201


def test_a_value_is_kept_as_it_was_sent() -> None:
    for name, value in OTHER.items():
        assert json.loads(json.dumps(SETTINGS[name].parse(value))) == value

"""The users table: found by every filter, in every order, page by page, and taken along as CSV."""

import csv
import io
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.errors import Forbidden, Unauthenticated
from identity.service.admin_users import Filters, order_of

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ["김민지", "Zoë 100%", "박서준", "émile", "=1+1"]


@pytest.fixture
async def people(sql):
    """Five accounts of one test's own domain: made a day after each other, the last one first to log in."""
    domain = f"{uuid4().hex[:12]}.example"
    ids = [str(uuid4()) for _ in NAMES]
    for number, (user_id, name) in enumerate(zip(ids, NAMES, strict=True)):
        login = START + (len(NAMES) - number) * DAY if number else None
        await sql.rows(
            'INSERT INTO "user".app_user (user_id, email, display_name, created_at, last_login_at, email_verified_at)'
            " VALUES (%s, %s, %s, %s, %s, %s)",
            user_id, f"p{number}.{name.encode().hex()[:4]}@{domain}", name, START + number * DAY, login,
            START if number % 2 else None,
        )  # fmt: skip
    return domain, ids


@pytest.fixture
def look(boss, people):
    """`await look(status="active")`: which of the five there are, by their numbers."""
    domain, ids = people

    async def find(path: str = "/users", **query: Any) -> list[int]:
        answer = await boss("GET", path, params={"email": f"@{domain}", "sort": "created_at", "order": "asc"} | query)
        assert answer.status_code == 200, answer.text
        return [ids.index(row["user_id"]) for row in answer.json()["items"]]

    return find


async def test_a_row_says_who_it_is_and_nothing_secret(boss, account) -> None:
    (row,) = (await boss("GET", "/users", params={"email": account.email})).json()["items"]
    assert row.keys() == {
        "user_id", "email", "display_name", "tier", "status", "locale",
        "email_verified_at", "mfa_enabled", "created_at", "last_login_at",
    }  # fmt: skip
    assert (row["user_id"], row["email"], row["tier"], row["status"]) == (
        account.user_id, account.email, "user", "active",
    )  # fmt: skip
    assert (row["mfa_enabled"], row["email_verified_at"], row["last_login_at"]) == (False, None, None)


async def test_a_part_of_the_address_in_any_case(look, people) -> None:
    domain, _ = people
    assert await look(email=f"P0.eab9@{domain}".upper()) == [0]
    assert await look(email=f"@{domain[:8]}") == [0, 1, 2, 3, 4]
    assert await look(email="_") == []
    assert await look(email=f"%@{domain}") == []


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("민지", [0]),
        (unicodedata.normalize("NFD", "민지"), [0]),
        ("zoë", [1]),
        (unicodedata.normalize("NFD", "ZOË"), [1]),
        ("ÉMILE", [3]),
        ("100%", [1]),
        ("%", [1]),
        ("_", []),
        ("=1", [4]),
        ("\\", []),
        ("'; DROP TABLE x --", []),
        ("지민", []),
    ],
)
async def test_a_part_of_the_name_in_any_case_and_composition(look, part, found) -> None:
    assert await look(name=part) == found


async def test_a_name_that_was_stored_in_pieces_is_found(look, people, sql) -> None:
    _, ids = people
    query = 'UPDATE "user".app_user SET display_name = %s WHERE user_id = %s'
    await sql.rows(query, unicodedata.normalize("NFD", "한지원"), ids[2])
    assert await look(name="지원") == [2]


async def test_by_tier_and_status(look, people, sql) -> None:
    _, ids = people
    await sql.rows("""UPDATE "user".app_user SET tier = 'supervisor' WHERE user_id = %s""", ids[1])
    for number, status in ((2, "suspended"), (3, "deactivated"), (4, "anonymised")):
        await sql.rows('UPDATE "user".app_user SET status = %s WHERE user_id = %s', status, ids[number])
    assert await look(tier="supervisor") == [1]
    assert await look(tier="user") == [0, 2, 3, 4]
    for status, found in (("active", [0, 1]), ("suspended", [2]), ("deactivated", [3]), ("anonymised", [4])):
        assert await look(status=status) == found
    assert await look(tier="supervisor", status="suspended") == []
    await sql.rows("""UPDATE "user".app_user SET tier = 'user' WHERE user_id = %s""", ids[1])


async def test_by_verified_address_and_second_factor(look, people, sql) -> None:
    _, ids = people
    query = "INSERT INTO identity.totp_factors (user_id, sealed, confirmed_at) VALUES (%s, '\\x00', %s)"
    await sql.rows(query, ids[0], START)
    await sql.rows(query, ids[1], None)
    assert await look(email_verified="true") == [1, 3]
    assert await look(email_verified="false") == [0, 2, 4]
    assert await look(mfa_enabled="true") == [0], "one that was never confirmed is none"
    assert await look(mfa_enabled="false") == [1, 2, 3, 4]


async def test_by_time_with_the_beginning_and_without_the_end(look) -> None:
    def at(day: int) -> str:
        return (START + day * DAY).isoformat()

    assert await look(created_from=at(1), created_to=at(3)) == [1, 2]
    assert await look(created_from=at(4)) == [4]
    assert await look(created_to=at(0)) == []
    assert await look(last_login_from=at(1), last_login_to=at(3)) == [3, 4]
    assert await look(last_login_from=at(0)) == [1, 2, 3, 4], "whoever never logged in did not do so since"
    assert await look(created_from="2026-03-02T09:00:00+09:00", created_to=at(2)) == [1]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("created_at", [0, 1, 2, 3, 4]),
        ("email", [0, 1, 2, 3, 4]),
        ("last_login_at", [0, 4, 3, 2, 1]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 5, 200])
async def test_every_order_forwards_and_backwards_page_by_page(boss, people, sort, expected, limit) -> None:
    domain, ids = people
    for order, wanted in (("asc", expected), ("desc", expected[::-1])):
        found, cursor = [], ""
        while cursor is not None:
            query = {"email": f"@{domain}", "sort": sort, "order": order, "limit": limit}
            page = (await boss("GET", "/users", params=query | ({"cursor": cursor} if cursor else {}))).json()
            assert len(page["items"]) <= limit
            found += [ids.index(row["user_id"]) for row in page["items"]]
            cursor = page["next_cursor"]
        assert found == wanted


async def test_names_are_ordered_without_regard_to_case(boss, sql) -> None:
    domain = f"{uuid4().hex[:12]}.example"
    for name in ("beta", "Alpha", "alpha", "Gamma"):
        query = 'INSERT INTO "user".app_user (user_id, email, display_name) VALUES (%s, %s, %s)'
        await sql.rows(query, uuid4(), f"{uuid4().hex}@{domain}", name)
    found, cursor = [], ""
    while cursor is not None:
        query = {"email": domain, "sort": "display_name", "order": "asc", "limit": 1}
        page = (await boss("GET", "/users", params=query | ({"cursor": cursor} if cursor else {}))).json()
        found += [row["display_name"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert [name.lower() for name in found] == ["alpha", "alpha", "beta", "gamma"]
    assert set(found) == {"beta", "Alpha", "alpha", "Gamma"}


async def test_newest_first_where_nothing_is_said(boss, people) -> None:
    domain, ids = people
    items = (await boss("GET", "/users", params={"email": domain})).json()["items"]
    assert [row["user_id"] for row in items] == ids[::-1]


async def test_pages_are_stable_while_people_sign_up_and_log_in(boss, people, sql) -> None:
    domain, ids = people
    query = {"email": domain, "sort": "last_login_at", "order": "desc", "limit": 2}
    first = (await boss("GET", "/users", params=query)).json()
    assert [row["user_id"] for row in first["items"]] == [ids[1], ids[2]]
    # The one on whom the page ended logs in, and so does a newcomer.
    await sql.rows('UPDATE "user".app_user SET last_login_at = now() WHERE user_id = %s', ids[2])
    late = 'INSERT INTO "user".app_user (user_id, email, display_name, last_login_at) VALUES (%s, %s, %s, now())'
    await sql.rows(late, uuid4(), f"late@{domain}", "late")
    second = (await boss("GET", "/users", params=query | {"cursor": first["next_cursor"]})).json()
    assert [row["user_id"] for row in second["items"]] == [ids[3], ids[4]]


async def test_a_cursor_of_another_order_is_refused(boss, people, problem) -> None:
    query = {"email": people[0], "sort": "email", "limit": 2}
    cursor = (await boss("GET", "/users", params=query)).json()["next_cursor"]
    for other in ({"sort": "display_name"}, {"order": "asc"}):
        problem(await boss("GET", "/users", params=query | other | {"cursor": cursor}), 422, "cursor_invalid")
    problem(await boss("GET", "/users", params=query | {"cursor": "x" * 100}), 422, "cursor_invalid")


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "password_hash"},
        {"sort": "email; --"},
        {"order": "up"},
        {"limit": 0},
        {"limit": 201},
        {"status": "gone"},
        {"tier": "org"},
        {"email": ""},
        {"email": "x" * 255},
        {"name": "   "},
        {"name": "\0"},
        {"email": "a\x01"},
        {"email_verified": "perhaps"},
        {"created_from": "2026-03-01T00:00:00"},
        {"created_from": "yesterday"},
        {"last_login_to": "2026-13-01T00:00:00Z"},
        {"cursor": "x" * 1501},
        {"password": "x"},
    ],
    ids=str,
)
async def test_what_nobody_can_ask(boss, problem, query) -> None:
    problem(await boss("GET", "/users", params=query), 422, "validation_failed")
    if not query.keys() & {"limit", "cursor"}:
        problem(await boss("GET", "/users/export", params=query), 422, "validation_failed")


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
async def test_the_ends_of_time(boss, moment) -> None:
    assert (await boss("GET", "/users", params={"created_from": moment})).status_code == 200


async def test_one_account_in_detail(client, boss, account, sql) -> None:
    for _ in range(2):
        await client.login(account)
    ended = await client.login(account)
    await client.with_token("POST", "/auth/logout", ended["access_token"])
    key = "INSERT INTO identity.api_keys (api_key_id, user_id, name, secret_hash, scopes, expires_at, revoked_at)"
    for expires, revoked in ((DAY, None), (-DAY, None), (DAY, START)):
        values = (uuid4(), account.user_id, "ci", b"x", ["documents:read"], datetime.now(UTC) + expires, revoked)
        await sql.rows(f"{key} VALUES (%s, %s, %s, %s, %s, %s, %s)", *values)
    answer = await boss("GET", f"/users/{account.user_id}")
    detail = answer.json()
    assert (detail["user_id"], detail["sessions"], detail["api_keys"]) == (account.user_id, 2, 1)
    assert (detail["recovery_codes"], detail["linked_identities"], detail["erasure"]) == (0, 0, None)
    assert "token_epoch" not in detail
    assert "argon2" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/erasure", None),
        ("POST", "/suspend", {"reason": "x"}),
        ("POST", "/restore", None),
        ("POST", "/sign-out", None),
        ("POST", "/reset-mfa", None),
        ("POST", "/verify-email", None),
        ("POST", "/anonymise", {"confirm": "x@example.com"}),
    ],
)
class TestDoors:
    async def test_nobody_is_there(self, boss, problem, method, path, body) -> None:
        problem(await boss(method, f"/users/{uuid4()}{path}", body), 404, "user_not_found")
        problem(await boss(method, f"/users/no-id{path}", body), 422, "validation_failed")

    async def test_for_supervisors_alone(self, client, account, asker, problem, sql, method, path, body) -> None:
        other = await client.sign_up()
        ask = await asker(account)
        for user_id in (other.user_id, account.user_id, uuid4()):
            problem(await ask(method, f"/users/{user_id}{path}", body), 403, "supervisor_only")
        problem(await client.http.request(method, f"/users/{other.user_id}{path}", json=body), 401, "token_missing")
        (row,) = await sql.rows('SELECT status, version FROM "user".app_user WHERE user_id = %s', other.user_id)
        assert row == {"status": "active", "version": 1}
        refusals = [each for each in await sql.audited() if each.get("actor_id") == account.user_id]
        assert [each["outcome"] for each in refusals if each["action"] == "request.forbidden"] == ["refused"] * 3


@pytest.mark.parametrize("path", ["/users", "/users/export"])
async def test_the_list_is_for_supervisors_alone(client, account, asker, problem, sql, path) -> None:
    ask = await asker(account)
    problem(await ask("GET", path), 403, "supervisor_only")
    problem(await client.http.get(path), 401, "token_missing")
    *_, last = [entry for entry in await sql.audited() if entry.get("actor_id") == account.user_id]
    assert (last["action"], last["outcome"]) == ("request.forbidden", "refused")


def read(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


async def test_the_list_as_csv(boss, people) -> None:
    domain, ids = people
    answer = await boss("GET", "/users/export", params={"email": domain, "sort": "created_at", "order": "asc"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="users_')
    assert answer.headers["cache-control"] == "no-store"
    rows = read(answer.content)
    assert [row["user_id"] for row in rows] == ids
    assert [row["display_name"] for row in rows] == [*NAMES[:4], "'=1+1"], "no cell is a formula"
    assert (rows[1]["created_at"], rows[1]["mfa_enabled"]) == ("2026-03-02T09:00:00+09:00", "false")
    assert rows[0]["last_login_at"] == ""


async def test_the_same_filters_hold_for_the_csv(boss, people) -> None:
    domain, ids = people
    answer = await boss("GET", "/users/export", params={"email": domain, "name": "김", "email_verified": "false"})
    assert [row["user_id"] for row in read(answer.content)] == [ids[0]]
    nobody = await boss("GET", "/users/export", params={"email": domain, "name": "없음"})
    assert read(nobody.content) == []


async def test_more_rows_than_a_page_holds(boss, sql) -> None:
    domain = f"{uuid4().hex[:12]}.example"
    query = """INSERT INTO "user".app_user (user_id, email, display_name, created_at)
        SELECT gen_random_uuid(), n || '@' || %s, 'n', now() FROM generate_series(1, 1201) n"""
    await sql.rows(query, domain)
    rows = read((await boss("GET", "/users/export", params={"email": domain})).content)
    assert len({row["email"] for row in rows}) == len(rows) == 1201


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("UPDATE identity.sessions SET revoked_at = now() WHERE user_id = %s", Unauthenticated),
        ("""UPDATE "user".app_user SET token_epoch = token_epoch + 1 WHERE user_id = %s""", Unauthenticated),
        ("""UPDATE "user".app_user SET status = 'suspended' WHERE user_id = %s""", Unauthenticated),
        ("""UPDATE "user".app_user SET tier = 'user' WHERE user_id = %s""", Forbidden),
    ],
)
async def test_whoever_is_out_meanwhile_gets_no_further_page(
    client, boss, supervisor, people, sql, monkeypatch, change, refusal
) -> None:
    monkeypatch.setattr("identity.service.admin_users._EXPORT_PAGE", 2)
    domain, ids = people
    caller = await client.app.state.verifier.verify(boss.token)
    order = order_of("created_at", descending=False)
    pages = await client.wired.admin_users.export(caller, Filters(email=domain), order)
    assert [str(row.user_id) for row in await anext(pages)] == ids[:2]
    assert [str(row.user_id) for row in await anext(pages)] == ids[2:4]
    await sql.rows(change, supervisor.user_id)

    with pytest.raises(refusal):
        await anext(pages)


async def test_whoever_takes_the_list_along_is_noted(boss, supervisor, people, sql) -> None:
    domain, _ = people
    await boss("GET", "/users/export", params={"email": domain, "status": "active"})
    entry = (await sql.audited())[-1]
    assert (entry["action"], entry["actor_id"], entry["outcome"]) == (
        "user_list.exported", supervisor.user_id, "succeeded",
    )  # fmt: skip
    assert entry["detail"] == {"users": 5, "filters": ["email", "status"]}
    assert UUID(entry["audit_id"])
    assert domain not in str(entry)

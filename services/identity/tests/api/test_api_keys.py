"""API keys: made, shown once, used, rotated, revoked; and what every service makes of them."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from chassis.auth import RemoteKeyTrade, is_api_key
from chassis.errors import Unauthenticated
from contracts.identity import SessionRevoked
from contracts.scopes import SCOPES
from identity.service.api_keys import MOST_KEYS
from identity.service.key_trade import _WRONG_KEYS

FORM = {"name": "학습 분석", "scopes": ["documents:read", "search:read"], "expires_in_days": 30}


@pytest.fixture
async def ask(asker, account):
    return await asker(account)


@pytest.fixture
async def made(ask) -> dict:
    answer = await ask("POST", "/users/me/api-keys", FORM)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def trade(client):
    async def exchange(api_key: str, door=client) -> httpx.Response:
        return await door.post("/auth/api-keys/token", {"api_key": api_key})

    return exchange


def forged(made: dict, *, api_key_id: UUID | None = None, secret: str = "A" * 43) -> str:
    """Well-formed, with a right checksum, and not ours."""
    body = f"gfk_{(api_key_id or UUID(made['api_key_id'])).hex}_{secret}"
    return f"{body}_{hashlib.sha256(body.encode()).hexdigest()[:8]}"


async def test_a_key_is_shown_once(ask, made, sql) -> None:
    assert is_api_key(made["api_key"])
    assert made["api_key"].startswith(made["prefix"])
    assert (made["name"], made["scopes"], made["state"]) == ("학습 분석", FORM["scopes"], "active")
    lifetime = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert timedelta(days=30) <= lifetime < timedelta(days=30, minutes=1)
    listed = await ask("GET", "/users/me/api-keys")
    (item,) = listed.json()["items"]
    assert item == {name: value for name, value in made.items() if name != "api_key"}
    assert made["api_key"] not in listed.text
    secret = made["api_key"].split("_", 2)[2].rpartition("_")[0]
    (row,) = await sql.rows("SELECT * FROM identity.api_keys WHERE api_key_id = %s", made["api_key_id"])
    assert bytes(row["secret_hash"]) == hashlib.sha256(secret.encode()).digest()
    assert secret not in str(row)


async def test_the_answer_is_for_no_store(ask) -> None:
    answer = await ask("POST", "/users/me/api-keys", FORM)
    rotated = await ask("POST", f"/users/me/api-keys/{answer.json()['api_key_id']}/rotate", {})

    assert [each.headers["cache-control"] for each in (answer, rotated)] == ["no-store"] * 2


async def test_it_is_traded_for_a_short_token_that_reaches_as_far(client, made, trade, account, setting) -> None:
    answer = await trade(made["api_key"])

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    body = answer.json()
    assert (set(body), body["expires_in"]) == ({"access_token", "token_type", "expires_in"}, 300)
    caller = await client.app.state.verifier.verify(body["access_token"])
    assert (str(caller.user_id), str(caller.session_id)) == (account.user_id, made["api_key_id"])
    assert caller.scopes == {"documents:read", "search:read"}
    read = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert (read["scope"], read["exp"] - read["iat"]) == ("documents:read search:read", 300)
    async with setting("security.access_token_minutes", 2):
        assert (await trade(made["api_key"])).json()["expires_in"] == 120


async def test_its_token_does_not_outlive_it(made, trade, sql) -> None:
    query = "UPDATE identity.api_keys SET expires_at = now() + interval '40 seconds' WHERE api_key_id = %s"
    await sql.rows(query, made["api_key_id"])

    assert 30 <= (await trade(made["api_key"])).json()["expires_in"] <= 40


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/me"),
        ("GET", "/users/me/api-keys"),
        ("POST", "/users/me/api-keys"),
        ("GET", "/users/me/mfa"),
        ("POST", "/users/me/mfa/totp"),
        ("POST", "/auth/logout"),
        ("GET", "/users"),
        ("GET", "/platform-settings"),
    ],
)
async def test_no_key_reaches_accounts(client, boss, problem, method, path) -> None:
    """Whatever its scopes, and a supervisor's like anybody's: here it is verified in process."""
    key = (await boss("POST", "/users/me/api-keys", FORM | {"scopes": list(SCOPES)})).json()["api_key"]
    answer = await client.with_token(method, path, key, FORM if method == "POST" else None)

    problem(answer, 403, "login_needed")


async def test_other_services_trade_it_too(client, made, monkeypatch) -> None:
    from chassis import auth  # noqa: PLC0415

    real = httpx.AsyncClient
    monkeypatch.setattr(
        auth.httpx,
        "AsyncClient",
        lambda **_: real(transport=httpx.ASGITransport(client.app), base_url="http://identity"),
    )
    remote = RemoteKeyTrade("http://identity/.well-known/jwks.json")
    token = await remote.trade(made["api_key"])

    assert (await client.app.state.verifier.verify(token)).scopes == set(FORM["scopes"])
    assert await remote.trade(made["api_key"]) == token
    with pytest.raises(Unauthenticated):
        await remote.trade(forged(made))


async def test_the_last_use_is_noted_at_most_once_a_minute(ask, made, trade, sql) -> None:
    async def last_used() -> str | None:
        return (await ask("GET", "/users/me/api-keys")).json()["items"][0]["last_used_at"]

    assert await last_used() is None
    await trade(made["api_key"])
    first = await last_used()
    await trade(made["api_key"])
    assert first is not None
    assert await last_used() == first
    query = "UPDATE identity.api_keys SET last_used_at = last_used_at - interval '61 seconds' WHERE api_key_id = %s"
    await sql.rows(query, made["api_key_id"])
    await trade(made["api_key"])
    assert await last_used() > first


async def test_refusals_look_alike(ask, made, trade, sql, problem) -> None:
    revoked = (await ask("POST", "/users/me/api-keys", FORM | {"name": "폐기"})).json()
    await ask("DELETE", f"/users/me/api-keys/{revoked['api_key_id']}")
    expired = (await ask("POST", "/users/me/api-keys", FORM | {"name": "만료"})).json()
    query = "UPDATE identity.api_keys SET expires_at = now() - interval '1 second' WHERE api_key_id = %s"
    await sql.rows(query, expired["api_key_id"])
    keys = [
        revoked["api_key"],
        expired["api_key"],
        forged(made),
        forged(made, api_key_id=uuid4()),
        made["api_key"][:-1],
        made["api_key"].upper(),
        "gfk_",
        "x",
    ]

    bodies = [problem(await trade(key), 401, "api_key_invalid") for key in keys]
    same = [{name: value for name, value in body.items() if name != "request_id"} for body in bodies]
    assert all(each == same[0] for each in same)


@pytest.mark.parametrize("status", ["suspended", "deactivated", "anonymised"])
async def test_a_key_of_somebody_who_is_not_active(made, trade, sql, problem, account, status) -> None:
    await sql.rows('UPDATE "user".app_user SET status = %s WHERE user_id = %s', status, account.user_id)
    problem(await trade(made["api_key"]), 401, "api_key_invalid")


async def test_a_revoked_key_and_its_tokens_are_dead_at_once_and_everywhere_soon(
    client, ask, made, trade, sql, problem, account
) -> None:
    token = (await trade(made["api_key"])).json()["access_token"]
    problem(await client.with_token("GET", "/users/me", token), 403, "login_needed")
    for _ in range(2):
        assert (await ask("DELETE", f"/users/me/api-keys/{made['api_key_id']}")).status_code == 204

    problem(await trade(made["api_key"]), 401, "api_key_invalid")
    problem(await client.with_token("GET", "/users/me", token), 401, "session_ended")
    events = [event for event in await sql.events(account.user_id) if isinstance(event, SessionRevoked)]
    assert [str(event.session_id) for event in events] == [made["api_key_id"]]
    item = (await ask("GET", "/users/me/api-keys")).json()["items"][0]
    assert item["state"] == "revoked"
    assert item["revoked_at"]
    actions = [each["action"] for each in await sql.audited(f"api_key/{made['api_key_id']}")]
    assert actions == ["api_key.created", "api_key.revoked", "api_key.refused"]


async def test_a_forced_sign_out_ends_the_tokens_and_the_key_gets_new_ones(
    client, made, trade, sql, problem, account
) -> None:
    token = (await trade(made["api_key"])).json()["access_token"]
    await sql.rows('UPDATE "user".app_user SET token_epoch = token_epoch + 1 WHERE user_id = %s', account.user_id)

    problem(await client.with_token("GET", "/users/me", token), 401, "session_ended")
    token = (await trade(made["api_key"])).json()["access_token"]
    problem(await client.with_token("GET", "/users/me", token), 403, "login_needed")


async def test_an_expired_keys_token_stands_for_nothing(client, made, trade, sql, problem) -> None:
    token = (await trade(made["api_key"])).json()["access_token"]
    query = "UPDATE identity.api_keys SET expires_at = now() - interval '1 second' WHERE api_key_id = %s"
    await sql.rows(query, made["api_key_id"])

    problem(await client.with_token("GET", "/users/me", token), 401, "session_ended")


async def test_nobody_sees_or_ends_anothers(client, asker, made, problem, ask) -> None:
    other = await asker(await client.sign_up())
    path = f"/users/me/api-keys/{made['api_key_id']}"

    assert (await other("GET", "/users/me/api-keys")).json()["items"] == []
    problem(await other("DELETE", path), 404, "api_key_not_found")
    problem(await other("POST", f"{path}/rotate", {}), 404, "api_key_not_found")
    missing = problem(await other("DELETE", f"/users/me/api-keys/{uuid4()}"), 404, "api_key_not_found")
    assert set(missing) == set(problem(await other("DELETE", path), 404, "api_key_not_found"))
    assert (await ask("GET", "/users/me/api-keys")).json()["items"][0]["state"] == "active"


async def test_a_name_is_one_active_keys(ask, made, problem) -> None:
    problem(await ask("POST", "/users/me/api-keys", FORM), 409, "api_key_name_taken")
    await ask("DELETE", f"/users/me/api-keys/{made['api_key_id']}")
    assert (await ask("POST", "/users/me/api-keys", FORM)).status_code == 201


async def test_rotating_leaves_both_for_a_day(ask, made, trade, sql, account) -> None:
    answer = await ask("POST", f"/users/me/api-keys/{made['api_key_id']}/rotate", {})

    new = answer.json()
    assert (answer.status_code, new["name"], new["scopes"]) == (201, made["name"], made["scopes"])
    for key in (made, new):
        assert (await trade(key["api_key"])).status_code == 200
    items = {item["api_key_id"]: item for item in (await ask("GET", "/users/me/api-keys")).json()["items"]}
    rest = datetime.fromisoformat(items[made["api_key_id"]]["expires_at"]) - datetime.fromisoformat(new["created_at"])
    assert timedelta(hours=23, minutes=59) < rest < timedelta(hours=24, minutes=1)
    lifetimes = [
        datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"]) for key in (made, new)
    ]
    assert abs(lifetimes[0] - lifetimes[1]) < timedelta(minutes=1)
    (entry,) = await sql.audited(f"api_key/{new['api_key_id']}")
    assert (entry["action"], entry["detail"]["replaces"]) == ("api_key.rotated", made["api_key_id"])
    assert entry["actor_id"] == account.user_id


async def test_rotating_with_nothing_kept_ends_the_old_one(ask, made, trade, problem, sql, account) -> None:
    body = {"keep_hours": 0, "expires_in_days": 7}
    new = (await ask("POST", f"/users/me/api-keys/{made['api_key_id']}/rotate", body)).json()

    problem(await trade(made["api_key"]), 401, "api_key_invalid")
    assert (await trade(new["api_key"])).status_code == 200
    assert datetime.fromisoformat(new["expires_at"]) - datetime.fromisoformat(new["created_at"]) < timedelta(days=8)
    events = [event for event in await sql.events(account.user_id) if isinstance(event, SessionRevoked)]
    assert [str(event.session_id) for event in events] == [made["api_key_id"]]


async def test_with_all_the_keys_that_there_may_be_one_is_replaced_at_once(ask, made, monkeypatch, problem) -> None:
    monkeypatch.setattr("identity.service.api_keys.MOST_KEYS", 1)
    path = f"/users/me/api-keys/{made['api_key_id']}/rotate"
    problem(await ask("POST", path, {"keep_hours": 1}), 409, "api_keys_full")

    assert (await ask("POST", path, {"keep_hours": 0})).status_code == 201


async def test_rotating_makes_no_key_live_longer(ask, made, sql) -> None:
    query = "UPDATE identity.api_keys SET expires_at = now() + interval '1 hour' WHERE api_key_id = %s"
    await sql.rows(query, made["api_key_id"])
    await ask("POST", f"/users/me/api-keys/{made['api_key_id']}/rotate", {"keep_hours": 48, "expires_in_days": 1})

    query = "SELECT expires_at < now() + interval '61 minutes' AS soon FROM identity.api_keys WHERE api_key_id = %s"
    assert await sql.rows(query, made["api_key_id"]) == [{"soon": True}]


async def test_at_most_two_of_one_name(ask, made, problem) -> None:
    path = f"/users/me/api-keys/{made['api_key_id']}/rotate"
    answers = await asyncio.gather(*(ask("POST", path, {}) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    (new,) = [answer.json() for answer in answers if answer.status_code == 201]
    problem(await ask("POST", f"/users/me/api-keys/{new['api_key_id']}/rotate", {}), 409, "api_key_rotating")
    await ask("DELETE", f"/users/me/api-keys/{made['api_key_id']}")
    assert (await ask("POST", f"/users/me/api-keys/{new['api_key_id']}/rotate", {})).status_code == 201
    problem(await ask("POST", path, {}), 409, "api_key_ended")


async def test_at_most_twenty_are_active(ask, problem, sql, account) -> None:
    async def make(number: int) -> int:
        return (await ask("POST", "/users/me/api-keys", FORM | {"name": f"키 {number}"})).status_code

    statuses = await asyncio.gather(*(make(number) for number in range(MOST_KEYS + 5)))
    assert sorted(statuses) == [201] * MOST_KEYS + [409] * 5
    body = problem(await ask("POST", "/users/me/api-keys", FORM), 409, "api_keys_full")
    assert body["limit"] == MOST_KEYS
    query = """UPDATE identity.api_keys SET expires_at = now() WHERE api_key_id =
        (SELECT api_key_id FROM identity.api_keys WHERE user_id = %s LIMIT 1)"""
    await sql.rows(query, account.user_id)
    assert (await ask("POST", "/users/me/api-keys", FORM)).status_code == 201


async def test_the_list_has_pages_and_a_filter(ask, problem) -> None:
    for number in range(5):
        made = (await ask("POST", "/users/me/api-keys", FORM | {"name": f"키 {number}"})).json()
    await ask("DELETE", f"/users/me/api-keys/{made['api_key_id']}")

    first = (await ask("GET", "/users/me/api-keys?limit=3")).json()
    second = (await ask("GET", f"/users/me/api-keys?limit=3&cursor={first['next_cursor']}")).json()
    assert [item["name"] for item in first["items"] + second["items"]] == [
        f"키 {number}" for number in range(4, -1, -1)
    ]
    assert second["next_cursor"] is None
    states = {
        state: len((await ask("GET", f"/users/me/api-keys?state={state}")).json()["items"])
        for state in ("active", "revoked", "expired")
    }
    assert states == {"active": 4, "revoked": 1, "expired": 0}
    problem(await ask("GET", "/users/me/api-keys?state=lost"), 422, "validation_failed")
    problem(await ask("GET", "/users/me/api-keys?cursor=none"), 422, "cursor_invalid")


async def test_wrong_keys_are_limited_by_where_they_come_from_and_right_ones_never(
    client, made, trade, problem, network, sql
) -> None:
    door, elsewhere = client.at(network(0)), client.at(network(1))
    wrong = forged(made)
    statuses = [(await trade(wrong, door)).status_code for _ in range(_WRONG_KEYS + 3)]

    assert statuses == [401] * _WRONG_KEYS + [429] * 3
    problem(await trade(wrong, door), 429, "too_many_tries")
    assert (await trade(made["api_key"], door)).status_code == 200
    problem(await trade(wrong, elsewhere), 401, "api_key_invalid")
    # Told once, however often it came.
    refused = [each for each in await sql.audited(f"api_key/{made['api_key_id']}") if each["outcome"] == "refused"]
    assert [(each["action"], each["detail"]) for each in refused] == [("api_key.refused", {"reason": "wrong_secret"})]


async def test_a_key_that_was_never_made_is_told_once_from_one_place(
    trade, client, made, problem, network, sql
) -> None:
    door = client.at(network(0))
    for _ in range(3):
        problem(await trade(forged(made, api_key_id=uuid4()), door), 401, "api_key_invalid")

    (entry,) = await sql.audited(ip=network(0))
    assert (entry["action"], entry.get("target"), entry["detail"]) == ("api_key.refused", None, {"reason": "unknown"})


async def test_what_is_no_key_costs_nothing(client, problem, network, sql) -> None:
    door = client.at(network(0))
    for _ in range(_WRONG_KEYS + 1):
        problem(await door.post("/auth/api-keys/token", {"api_key": "gfk_nonsense"}), 401, "api_key_invalid")


async def test_anonymising_ends_the_keys_and_forgets_their_names(
    client, ask, made, trade, problem, sql, account
) -> None:
    answer = await ask("POST", "/users/me/anonymise", {"password": account.password, "confirm": "anonymise"})
    assert answer.status_code == 204, answer.text

    problem(await trade(made["api_key"]), 401, "api_key_invalid")
    query = "SELECT name, revoked_at IS NOT NULL AS revoked FROM identity.api_keys WHERE api_key_id = %s"
    assert await sql.rows(query, made["api_key_id"]) == [{"name": "", "revoked": True}]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "\u202e키"}, "name"),
        ({"name": "가" * 81}, "name"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["documents:delete"]}, "scopes.0"),
        ({"scopes": ["usage:write"]}, "scopes.0"),
        ({"scopes": ["mfa:enrol"]}, "scopes.0"),
        ({"scopes": ["*"]}, "scopes.0"),
        ({"scopes": "documents:read"}, "scopes"),
        ({"scopes": [None]}, "scopes.0"),
        ({"scopes": ["documents:read"] * 100}, "scopes"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 367}, "expires_in_days"),
        ({"expires_in_days": -1}, "expires_in_days"),
        ({"expires_in_days": "30"}, "expires_in_days"),
        ({"expires_in_days": 1.5}, "expires_in_days"),
        ({"expires_in_days": None}, "expires_in_days"),
        ({"user_id": "someone"}, "user_id"),
        ({"api_key_id": str(uuid4())}, "api_key_id"),
        ({"tier": "supervisor"}, "tier"),
    ],
)
async def test_forms_that_are_none(ask, problem, change, field) -> None:
    body = problem(await ask("POST", "/users/me/api-keys", FORM | change), 422, "validation_failed")

    assert f"body.{field}" in {error["field"] for error in body["errors"]}


@pytest.mark.parametrize(
    "body", [{"keep_hours": -1}, {"keep_hours": 169}, {"keep_hours": "24"}, {"expires_in_days": 0}, {"scopes": []}, []]
)
async def test_rotations_that_are_none(ask, made, problem, body) -> None:
    answer = await ask("POST", f"/users/me/api-keys/{made['api_key_id']}/rotate", body)

    problem(answer, 422, "validation_failed")


async def test_a_scope_twice_is_one(ask) -> None:
    body = FORM | {"scopes": ["search:read", "documents:read", "search:read"]}
    assert (await ask("POST", "/users/me/api-keys", body)).json()["scopes"] == ["documents:read", "search:read"]


@pytest.mark.parametrize("body", [{}, {"api_key": ""}, {"api_key": "x" * 201}, {"api_key": None}, {"api_key": 5}, []])
async def test_trades_that_are_none(client, problem, body) -> None:
    problem(await client.post("/auth/api-keys/token", body), 422, "validation_failed")


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", "/x"), ("POST", "/x/rotate")])
async def test_without_a_token(client, problem, method, path) -> None:
    problem(await client.http.request(method, f"/users/me/api-keys{path}"), 401, "token_missing")

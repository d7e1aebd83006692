"""One's own logins: which there are, and the end of those one does not know."""

import jwt
import pytest

from contracts.identity import SessionRevoked


def sid(tokens: dict) -> str:
    found: str = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    return found


@pytest.fixture
async def here(client, account):
    return await client.login(account)


async def listed(client, tokens, query: str = "") -> dict:
    answer = await client.with_token("GET", f"/users/me/sessions{query}", tokens["access_token"])
    assert answer.status_code == 200
    return answer.json()


async def test_the_live_ones_are_listed_and_ones_own_is_marked(client, account, here, network) -> None:
    agent = {"User-Agent": "Firefox on a bus"}
    there = (await client.at(network()).http.post("/auth/login", json=account.login, headers=agent)).json()
    over = await client.login(account)
    await client.with_token("POST", "/auth/logout", over["access_token"])
    await client.login(await client.sign_up())
    first, second = (await listed(client, here))["items"]

    assert [each["session_id"] for each in (first, second)] == [sid(there), sid(here)]
    assert [each["is_current"] for each in (first, second)] == [False, True]
    assert (first["user_agent"], first["ip"]) == ("Firefox on a bus", network())
    assert first["last_used_at"] == first["created_at"]
    assert set(first) == {
        *("session_id", "user_agent", "ip", "created_at", "last_used_at", "expires_at", "is_current"),
    }


async def test_a_refresh_is_a_use(client, here) -> None:
    await client.refresh(here["refresh_token"])
    (session,) = (await listed(client, here))["items"]

    assert session["last_used_at"] > session["created_at"]


async def test_they_come_in_pages(client, account, here) -> None:
    others = [await client.login(account) for _ in range(4)]
    first = await listed(client, here, "?limit=3")
    second = await listed(client, here, f"?limit=3&cursor={first['next_cursor']}")

    found = [item["session_id"] for item in first["items"] + second["items"]]
    assert found == [sid(tokens) for tokens in (*reversed(others), here)]
    assert second["next_cursor"] is None


async def test_those_from_one_address(client, account, here, network) -> None:
    there = (await client.at(network()).http.post("/auth/login", json=account.login)).json()

    assert [each["session_id"] for each in (await listed(client, here, f"?ip={network()}"))["items"]] == [sid(there)]
    assert (await listed(client, here, "?ip=2001:db8::1"))["items"] == []


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?cursor=nonsense", "?limit=x", "?ip=here", "?user=1"])
async def test_pages_that_are_none(client, here, query) -> None:
    answer = await client.with_token("GET", f"/users/me/sessions{query}", here["access_token"])
    assert answer.status_code == 422


async def test_one_ends_at_once_and_is_told(client, account, here, sql, problem) -> None:
    there = await client.login(account)
    path = f"/users/me/sessions/{sid(there)}"
    assert (await client.with_token("DELETE", path, here["access_token"])).status_code == 204

    problem(await client.with_token("GET", "/users/me", there["access_token"]), 401, "session_ended")
    problem(await client.refresh(there["refresh_token"]), 401, "refresh_refused")
    assert (await client.with_token("GET", "/users/me", here["access_token"])).status_code == 200
    (event,) = [event for event in await sql.events(account.user_id) if isinstance(event, SessionRevoked)]
    assert (str(event.session_id), event.token_epoch) == (sid(there), 0)
    (entry,) = await sql.audited(f"session/{sid(there)}")
    assert (entry["action"], entry["actor_id"]) == ("session.revoked", account.user_id)
    problem(await client.with_token("DELETE", path, here["access_token"]), 404, "session_not_found")


async def test_anothers_is_not_found(client, here, sql, problem) -> None:
    other = await client.sign_up()
    theirs = await client.login(other)
    body = problem(
        await client.with_token("DELETE", f"/users/me/sessions/{sid(theirs)}", here["access_token"]),
        404,
        "session_not_found",
    )
    nobodys = "01890000-0000-7000-8000-000000000000"
    missing = problem(
        await client.with_token("DELETE", f"/users/me/sessions/{nobodys}", here["access_token"]),
        404,
        "session_not_found",
    )

    assert body["detail"] == missing["detail"]
    assert (await client.with_token("GET", "/users/me", theirs["access_token"])).status_code == 200
    answer = await client.with_token("DELETE", "/users/me/sessions/none", here["access_token"])
    problem(answer, 422, "validation_failed")


async def test_all_others_end_and_the_own_goes_on(client, account, here, sql, problem) -> None:
    others = [await client.login(account) for _ in range(3)]
    bystander = await client.login(await client.sign_up())
    assert (await client.with_token("DELETE", "/users/me/sessions", here["access_token"])).status_code == 204

    for tokens in others:
        problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")
        problem(await client.refresh(tokens["refresh_token"]), 401, "refresh_refused")
    for tokens in (here, bystander):
        assert (await client.with_token("GET", "/users/me", tokens["access_token"])).status_code == 200
        assert (await client.refresh(tokens["refresh_token"])).status_code == 200
    events = [event for event in await sql.events(account.user_id) if isinstance(event, SessionRevoked)]
    assert {str(event.session_id) for event in events} == {sid(tokens) for tokens in others}
    entries = [e for e in await sql.audited(f"user/{account.user_id}") if e["action"] == "session.revoked"]
    assert [entry["detail"] for entry in entries] == [{"sessions": 3}]
    assert (await client.with_token("DELETE", "/users/me/sessions", here["access_token"])).status_code == 204


async def test_logins_and_reuse_are_in_the_audit_log(client, account, here, sql) -> None:
    query = "UPDATE identity.refresh_tokens SET used_at = now() - interval '1 minute' WHERE session_id = %s"
    await sql.rows(query, sid(here))
    await client.refresh(here["refresh_token"])

    (login,) = [e for e in await sql.audited(f"user/{account.user_id}") if e["action"] == "user.logged_in"]
    assert (login["actor_id"], login["session_id"], login["ip"]) == (account.user_id, sid(here), "127.0.0.1")
    (reuse,) = await sql.audited(f"session/{sid(here)}")
    assert (reuse["action"], reuse["outcome"], "actor_id" in reuse) == ("session.reuse_detected", "refused", False)

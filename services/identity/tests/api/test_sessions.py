"""Login, refresh with rotation, logout, and who one is."""

import asyncio
from datetime import timedelta
from uuid import UUID

import jwt
import pytest

from chassis.auth import AUDIENCE, Verifier
from chassis.errors import Unauthenticated
from contracts.identity import SessionRevoked
from identity.crud import users
from identity.service.sessions import GRACE

LATE = GRACE + timedelta(seconds=5)


def claims(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


@pytest.fixture
def later(sql):
    """Moves the uses of a session's refresh tokens into the past."""

    async def move(access_token: str, by: timedelta = LATE) -> None:
        query = "UPDATE identity.refresh_tokens SET used_at = used_at - %s WHERE session_id = %s"
        await sql.rows(query, by, claims(access_token)["sid"])

    return move


async def test_a_login_gives_tokens_that_open_ones_own_account(client, account) -> None:
    answer = await client.post("/auth/login", account.login)

    assert answer.headers.get("set-cookie") is None
    tokens = answer.json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
    me = await client.with_token("GET", "/users/me", tokens["access_token"])
    assert me.status_code == 200
    assert (me.json()["user_id"], me.json()["email"]) == (account.user_id, account.email)


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_a_wrong_password_and_an_unknown_address_look_the_same(
    client, account, stranger, problem, language
) -> None:
    wrong = account.login | {"password": "another-password"}
    answers = [await client.post("/auth/login", form, language) for form in (wrong, stranger().login)]

    bodies = [problem(answer, 401, "login_refused") for answer in answers]
    same = [{name: value for name, value in body.items() if name != "request_id"} for body in bodies]
    assert same[0] == same[1]
    assert ("이메일 또는 비밀번호" in same[0]["detail"]) == (language == "ko")


async def test_they_cost_the_same_work(client, account, stranger, monkeypatch) -> None:
    """A hash of the same cost is compared either way, once: the time does not tell who has an account."""
    passwords = client.wired.sessions._check._passwords
    compared: list[str] = []
    matches = passwords._matches

    def counting(hashed: str, password: str) -> bool:
        compared.append(hashed)
        return bool(matches(hashed, password))

    monkeypatch.setattr(passwords, "_matches", counting)
    for form in (account.login | {"password": "another-password"}, stranger().login):
        assert (await client.post("/auth/login", form)).status_code == 401
    known, unknown = compared
    assert known != unknown
    assert known.rsplit("$", 2)[0] == unknown.rsplit("$", 2)[0]


@pytest.mark.parametrize("status", ["deactivated", "suspended", "anonymised"])
async def test_an_account_that_is_not_active_is_let_in_nowhere(client, sql, account, problem, status) -> None:
    tokens = await client.login(account)
    await sql.rows('UPDATE "user".app_user SET status = %s WHERE user_id = %s', status, account.user_id)

    problem(await client.post("/auth/login", account.login), 401, "login_refused")
    problem(await client.refresh(tokens["refresh_token"]), 401, "refresh_refused")
    problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")


async def test_the_platform_sets_how_long_tokens_and_sessions_live(client, account, setting, sql) -> None:
    async with setting("security.access_token_minutes", 3), setting("security.refresh_token_days", 7):
        tokens = await client.login(account)
        again = (await client.refresh(tokens["refresh_token"])).json()

    for each in (tokens, again):
        read = claims(each["access_token"])
        assert (each["expires_in"], read["exp"] - read["iat"]) == (180, 180)
    query = "SELECT expires_at - created_at AS lifetime FROM identity.sessions WHERE session_id = %s"
    assert await sql.rows(query, read["sid"]) == [{"lifetime": timedelta(days=7)}]


@pytest.mark.parametrize("change", ["token_epoch = token_epoch + 1", "status = 'suspended'"])
async def test_a_login_that_something_overtook_opens_nothing(client, account, sql, change) -> None:
    """The password was right, but by the time the session is written the user is another."""
    async with client.wired.database.transaction() as session:
        user = await users.get_by_email(session, account.email)
    await sql.rows(f'UPDATE "user".app_user SET {change} WHERE user_id = %s', account.user_id)

    with pytest.raises(Unauthenticated):
        await client.wired.sessions.open(user, user_agent="")
    assert await sql.rows("SELECT 1 FROM identity.sessions WHERE user_id = %s", account.user_id) == []


async def test_the_published_keys_verify_the_token_and_nothing_else_does(client, account, settings) -> None:
    token = (await client.login(account))["access_token"]
    answer = await client.http.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    (key,) = [key for key in answer.json()["keys"] if key["kid"] == jwt.get_unverified_header(token)["kid"]]

    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    assert "d" not in key
    public = jwt.PyJWK.from_dict(key).key
    read = jwt.decode(token, public, algorithms=["EdDSA"], audience=AUDIENCE, issuer=settings.jwt_issuer)
    assert (read["sub"], read["tier"], read["epoch"]) == (account.user_id, "user", 0)
    assert read["exp"] - read["iat"] == 600
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"

    class Keys:
        async def key(self, kid: str):
            return public if kid == key["kid"] else None

    principal = await Verifier(Keys(), issuer=settings.jwt_issuer).verify(token)
    assert (principal.user_id, principal.session_id) == (UUID(account.user_id), UUID(read["sid"]))


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_a_token_with_one_letter_changed_opens_nothing(client, account, problem, part) -> None:
    parts = (await client.login(account))["access_token"].split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]

    problem(await client.with_token("GET", "/users/me", ".".join(parts)), 401, "token_invalid")


async def test_a_refresh_rotates_the_token_and_keeps_the_session(client, account) -> None:
    first = await client.login(account)
    second = (await client.refresh(first["refresh_token"])).json()
    third = (await client.refresh(second["refresh_token"])).json()

    assert len({each["refresh_token"] for each in (first, second, third)}) == 3
    assert len({claims(each["access_token"])["sid"] for each in (first, second, third)}) == 1
    assert len({claims(each["access_token"])["jti"] for each in (first, second, third)}) == 3


async def test_within_the_grace_a_second_refresh_gets_the_same_successor(client, account) -> None:
    first = await client.login(account)
    answers = [(await client.refresh(first["refresh_token"])).json() for _ in range(3)]

    assert len({answer["refresh_token"] for answer in answers}) == 1
    assert (await client.refresh(answers[0]["refresh_token"])).status_code == 200


async def test_fifty_refreshes_at_once_get_one_successor(client, sql, account) -> None:
    first = await client.login(account)
    answers = await asyncio.gather(*(client.refresh(first["refresh_token"]) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    query = "SELECT used_at FROM identity.refresh_tokens WHERE session_id = %s"
    tokens = await sql.rows(query, claims(first["access_token"])["sid"])
    assert sorted(row["used_at"] is None for row in tokens) == [False, True]


async def test_a_token_used_again_after_the_grace_ends_its_session(client, sql, account, problem, later) -> None:
    first = await client.login(account)
    other = await client.login(account)
    second = (await client.refresh(first["refresh_token"])).json()
    await later(first["access_token"])
    body = problem(await client.refresh(first["refresh_token"]), 401, "refresh_refused")

    assert "다시 로그인" in body["detail"]
    problem(await client.refresh(second["refresh_token"]), 401, "refresh_refused")
    session_id = claims(first["access_token"])["sid"]
    (row,) = await sql.rows("SELECT * FROM identity.sessions WHERE session_id = %s", session_id)
    assert row["revoked_reason"] == "refresh token reused"
    (event,) = [event for event in await sql.events(account.user_id) if isinstance(event, SessionRevoked)]
    assert (str(event.session_id), event.token_epoch) == (session_id, 0)
    assert (await client.refresh(other["refresh_token"])).status_code == 200


async def test_within_the_grace_only_the_last_token_is_forgiven(client, account, problem) -> None:
    """Whoever comes with an older one has not just lost an answer."""
    first = await client.login(account)
    second = (await client.refresh(first["refresh_token"])).json()
    third = (await client.refresh(second["refresh_token"])).json()

    problem(await client.refresh(first["refresh_token"]), 401, "refresh_refused")
    problem(await client.refresh(third["refresh_token"]), 401, "refresh_refused")


async def test_a_thief_and_the_owner_cannot_both_go_on(client, account, problem, later) -> None:
    stolen = (await client.login(account))["refresh_token"]
    owner = (await client.refresh(stolen)).json()
    await later(owner["access_token"])
    problem(await client.refresh(stolen), 401, "refresh_refused")

    problem(await client.refresh(owner["refresh_token"]), 401, "refresh_refused")


async def test_a_session_that_has_expired(client, sql, account, problem) -> None:
    tokens = await client.login(account)
    query = "UPDATE identity.sessions SET expires_at = now() - interval '1 second' WHERE session_id = %s"
    await sql.rows(query, claims(tokens["access_token"])["sid"])

    problem(await client.refresh(tokens["refresh_token"]), 401, "refresh_refused")


@pytest.mark.parametrize("token", ["x" * 20, "x" * 200, "가" * 43])
async def test_tokens_that_nobody_got(client, problem, token) -> None:
    problem(await client.refresh(token), 401, "refresh_refused")


@pytest.mark.parametrize("token", ["", "x" * 19, "x" * 201, None, 5])
async def test_tokens_that_are_none(client, problem, token) -> None:
    problem(await client.refresh(token), 422, "validation_failed")


async def test_a_logout_ends_its_session_alone(client, sql, account, problem) -> None:
    here, there = await client.login(account), await client.login(account)
    answer = await client.with_token("POST", "/auth/logout", here["access_token"])

    assert (answer.status_code, answer.content) == (204, b"")
    problem(await client.refresh(here["refresh_token"]), 401, "refresh_refused")
    assert (await client.refresh(there["refresh_token"])).status_code == 200
    again = await client.with_token("POST", "/auth/logout", here["access_token"])
    problem(again, 401, "session_ended")
    revoked = [event for event in await sql.events(account.user_id) if isinstance(event, SessionRevoked)]
    assert [str(event.session_id) for event in revoked] == [claims(here["access_token"])["sid"]]


@pytest.mark.parametrize(("method", "path"), [("POST", "/auth/logout"), ("GET", "/users/me")])
async def test_without_a_token(client, problem, method, path) -> None:
    answer = await client.http.request(method, path)

    problem(answer, 401, "token_missing")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_only_digests_of_tokens_are_kept(client, sql, account) -> None:
    tokens = await client.login(account)
    query = "SELECT encode(digest, 'escape') AS digest FROM identity.refresh_tokens WHERE session_id = %s"
    (row,) = await sql.rows(query, claims(tokens["access_token"])["sid"])

    assert tokens["refresh_token"] not in row["digest"]
    (size,) = await sql.rows("SELECT DISTINCT length(digest) AS bytes FROM identity.refresh_tokens")
    assert size == {"bytes": 32}


async def test_a_long_user_agent_is_cut(client, sql, account) -> None:
    answer = await client.http.post("/auth/login", json=account.login, headers={"User-Agent": "u" * 5000})

    query = "SELECT user_agent FROM identity.sessions WHERE session_id = %s"
    assert await sql.rows(query, claims(answer.json()["access_token"])["sid"]) == [{"user_agent": "u" * 300}]

"""Leaving for now, and leaving for good."""

import asyncio
from uuid import UUID

import pytest

from contracts.identity import SessionRevoked, UserAnonymised, UserChanged
from identity.crud import users
from identity.service import changes


@pytest.fixture
async def tokens(client, account):
    return await client.login(account)


async def leave(client, tokens, how: str, **body):
    body = {"password": "correct-horse-battery"} | body
    return await client.with_token("POST", f"/users/me/{how}", tokens["access_token"], body)


async def anonymise(client, tokens, **body):
    return await leave(client, tokens, "anonymise", **({"confirm": "anonymise"} | body))


@pytest.fixture
async def alone(sql, supervisor):
    """The only supervisor who may log in."""
    query = """UPDATE "user".app_user SET tier = 'user' WHERE tier = 'supervisor' AND user_id <> %s"""
    await sql.rows(query, supervisor.user_id)
    return supervisor


async def test_a_deactivated_account_is_let_in_nowhere(client, account, tokens, sql, problem) -> None:
    other = await client.login(account)
    answer = await leave(client, tokens, "deactivate")

    assert (answer.status_code, answer.content) == (204, b"")
    for each in (tokens, other):
        problem(await client.with_token("GET", "/users/me", each["access_token"]), 401, "session_ended")
        problem(await client.refresh(each["refresh_token"]), 401, "refresh_refused")
    problem(await client.post("/auth/login", account.login), 401, "login_refused")
    _, revoked, changed = await sql.events(account.user_id)
    assert (revoked.session_id, revoked.token_epoch) == (None, 1)
    assert (changed.status, changed.token_epoch, changed.email) == ("deactivated", 1, account.email)
    (row,) = await sql.rows('SELECT * FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert row["deactivated_at"] is not None
    assert row["version"] == changed.version
    (entry,) = [e for e in await sql.audited(f"user/{account.user_id}") if e["action"] == "user.deactivated"]
    assert entry["actor_id"] == account.user_id


async def test_nothing_personal_is_left(client, account, tokens, letters, sql, problem) -> None:
    agent = {"User-Agent": "Firefox of Minji"}
    await client.http.post("/auth/login", json=account.login, headers=agent)
    await client.post("/auth/password-reset", {"email": account.email})
    (_, reset) = await letters(account.email)
    await client.with_token("PATCH", "/users/me", tokens["access_token"], {"locale": "en"})
    assert (await anonymise(client, tokens)).status_code == 204

    (row,) = await sql.rows('SELECT * FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert (row["email"], row["display_name"]) == (f"anonymised-{account.user_id}@growfit.invalid", "탈퇴한 사용자")
    assert (row["status"], row["locale"], row["email_verified_at"]) == ("anonymised", "en", None)
    assert row["anonymised_at"] is not None
    for table in ("credentials", "account_tokens"):
        assert await sql.rows(f"SELECT 1 FROM identity.{table} WHERE user_id = %s", account.user_id) == []
    query = "SELECT DISTINCT user_agent, ip, network FROM identity.sessions WHERE user_id = %s"
    assert await sql.rows(query, account.user_id) == [{"user_agent": "", "ip": None, "network": None}]
    body = {"token": reset.token, "password": "another-password"}
    problem(await client.post("/auth/password-reset/confirm", body), 422, "link_invalid")
    problem(await client.post("/auth/login", account.login), 401, "login_refused")
    problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")


async def test_factors_keys_and_linked_identities_go_too(client, account, tokens, sql) -> None:
    for query in (
        "INSERT INTO identity.totp_factors (user_id, sealed, confirmed_at) VALUES (%s, 'x', now())",
        "INSERT INTO identity.recovery_codes (user_id, code_hash) VALUES (%s, 'x')",
        """INSERT INTO identity.api_keys (api_key_id, user_id, name, secret_hash, scopes, expires_at)
            VALUES (gen_random_uuid(), %s, 'laptop of Minji', 'x', '{documents:read}', now() + interval '1 day')""",
        """INSERT INTO identity.linked_identities (identity_id, user_id, provider, issuer, subject, email)
            VALUES (gen_random_uuid(), %s, 'p', 'https://p.example', gen_random_uuid()::text, 'minji@p.example')""",
    ):
        await sql.rows(query, account.user_id)
    assert (await anonymise(client, tokens)).status_code == 204

    for table in ("totp_factors", "recovery_codes", "linked_identities"):
        assert await sql.rows(f"SELECT 1 FROM identity.{table} WHERE user_id = %s", account.user_id) == []
    query = "SELECT 1 FROM identity.api_keys WHERE user_id = %s AND (name LIKE '%%Minji%%' OR revoked_at IS NULL)"
    assert await sql.rows(query, account.user_id) == []


async def test_the_others_are_told_what_to_erase(client, account, tokens, sql) -> None:
    await anonymise(client, tokens)
    _, revoked, changed, anonymised = await sql.events(account.user_id)

    assert isinstance(revoked, SessionRevoked)
    assert isinstance(changed, UserChanged)
    assert (changed.status, changed.display_name) == ("anonymised", "탈퇴한 사용자")
    assert account.email not in changed.model_dump_json()
    assert isinstance(anonymised, UserAnonymised)
    assert anonymised.version == changed.version
    entries = [e for e in await sql.audited(f"user/{account.user_id}") if e["action"] == "user.anonymised"]
    assert len(entries) == 1
    assert account.email not in str(entries)


async def test_the_address_is_free_again(client, account, tokens) -> None:
    await anonymise(client, tokens)
    answer = await client.post("/auth/sign-up", account.form)

    assert answer.status_code == 201
    assert answer.json()["user_id"] != account.user_id


async def test_the_invitation_that_brought_them_is_forgotten(client, supervisor, stranger, letters, sql) -> None:
    account, by = stranger(), await client.login(supervisor)
    await client.with_token("POST", "/users/invitations", by["access_token"], {"email": account.email})
    (letter,) = await letters(account.email)
    await client.post("/auth/sign-up", account.form | {"invitation_token": letter.token})
    await anonymise(client, await client.login(account))

    assert await sql.rows("SELECT 1 FROM identity.sign_up_invitations WHERE email = %s", account.email) == []


@pytest.mark.parametrize("how", ["deactivate", "anonymise"])
async def test_the_password_is_needed(client, account, tokens, sql, problem, how) -> None:
    confirm = {"confirm": "anonymise"} if how == "anonymise" else {}
    problem(await leave(client, tokens, how, **confirm, password="another-password"), 403, "password_wrong")
    problem(await leave(client, tokens, how, **confirm, password=None), 422, "validation_failed")
    problem(await leave(client, tokens, how, **confirm, user_id=account.user_id), 422, "validation_failed")
    problem(await client.post(f"/users/me/{how}", confirm), 401, "token_missing")
    assert len(await sql.events(account.user_id)) == 1


@pytest.mark.parametrize("confirm", ["", "yes", "ANONYMISE", None, True])
async def test_nobody_is_anonymised_by_mistake(client, account, tokens, sql, problem, confirm) -> None:
    problem(await anonymise(client, tokens, confirm=confirm), 422, "validation_failed")
    assert len(await sql.events(account.user_id)) == 1


@pytest.mark.parametrize("how", ["deactivate", "anonymise"])
async def test_the_last_supervisor_stays(client, alone, problem, how) -> None:
    tokens = await client.login(alone)
    confirm = {"confirm": "anonymise"} if how == "anonymise" else {}

    problem(await leave(client, tokens, how, **confirm), 409, "last_supervisor")
    assert (await client.with_token("GET", "/users/me", tokens["access_token"])).status_code == 200


async def test_of_two_supervisors_who_leave_at_once_one_stays(client, alone, sql, problem) -> None:
    """The second one asks while the first one's leave is not committed yet, and must wait for what comes of it."""
    other = type(alone)()
    await client.wired.accounts.create_supervisor(**other.form, locale="ko")
    tokens = await client.login(other)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%app_user%%'"
    async with client.wired.database.transaction() as session:
        first = UUID(alone.user_id)
        await changes.spare_last_supervisor(session, first)
        leaving = asyncio.create_task(leave(client, tokens, "deactivate"))
        while not leaving.done() and not await sql.rows(waiting):
            pass
        user = await users.lock(session, first)
        assert user is not None
        await users.update(session, user, status="deactivated")

    problem(await leaving, 409, "last_supervisor")
    query = """SELECT count(*) AS left FROM "user".app_user WHERE tier = 'supervisor' AND status = 'active'"""
    assert await sql.rows(query) == [{"left": 1}]


async def test_twice_at_once_is_once(client, tokens, account, sql) -> None:
    answers = await asyncio.gather(*(anonymise(client, tokens) for _ in range(4)))

    assert [answer.status_code for answer in answers].count(204) == 1
    assert {answer.status_code for answer in answers} <= {204, 401, 403}
    events = [event for event in await sql.events(account.user_id) if isinstance(event, UserAnonymised)]
    assert len(events) == 1

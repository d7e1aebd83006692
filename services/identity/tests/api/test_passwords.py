"""A new password: forgotten or known, and which ones nobody may choose."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pyotp
import pytest

from chassis.errors import Unauthenticated
from contracts.identity import SessionRevoked, UserChanged
from contracts.scopes import SCOPES
from identity.service.own_password import RESETS_FROM_ONE_HOST

NEW = "battery-staple-correct"


@pytest.fixture
async def tokens(client, account):
    return await client.login(account)


@pytest.fixture
def asked(client, letters):
    """The newest letter after a reset was asked for."""

    async def ask(account):
        answer = await client.post("/auth/password-reset", {"email": account.email})
        assert (answer.status_code, answer.json()) == (202, {"accepted": True})
        return (await letters(account.email))[-1]

    return ask


async def confirm(client, token: str, password: str = NEW):
    return await client.post("/auth/password-reset/confirm", {"token": token, "password": password})


async def test_a_reset_ends_every_session_and_verifies_the_address(
    client, account, tokens, asked, letters, sql, problem
) -> None:
    other = await client.login(account)
    letter = await asked(account)
    assert letter.link == f"https://growfit.example/reset-password#token={letter.token}"
    answer = await confirm(client, letter.token)

    assert (answer.status_code, answer.content) == (204, b"")
    for each in (tokens, other):
        problem(await client.with_token("GET", "/users/me", each["access_token"]), 401, "session_ended")
        problem(await client.refresh(each["refresh_token"]), 401, "refresh_refused")
    problem(await client.post("/auth/login", account.login), 401, "login_refused")
    fresh = (await client.post("/auth/login", account.login | {"password": NEW})).json()
    mine = (await client.with_token("GET", "/users/me", fresh["access_token"])).json()
    assert mine["email_verified"]
    _, revoked, changed = await sql.events(account.user_id)
    assert isinstance(revoked, SessionRevoked)
    assert (revoked.session_id, revoked.token_epoch) == (None, 1)
    assert isinstance(changed, UserChanged)
    assert changed.token_epoch == 1
    assert "user.password_reset" in [entry["action"] for entry in await sql.audited(f"user/{account.user_id}")]
    assert "비밀번호가 바뀌었습니다" in (await letters(account.email))[-1].subject


async def test_a_reset_works_once_and_a_newer_one_voids_it(client, account, asked, problem) -> None:
    first, second = await asked(account), await asked(account)
    problem(await confirm(client, first.token), 422, "link_invalid")
    assert (await confirm(client, second.token)).status_code == 204
    problem(await confirm(client, second.token), 422, "link_invalid")


async def test_of_many_at_once_one_is_taken(client, account, asked, sql) -> None:
    letter = await asked(account)
    answers = await asyncio.gather(*(confirm(client, letter.token, f"{NEW}-{n}") for n in range(6)))

    assert sorted(answer.status_code for answer in answers) == [204, *[422] * 5]
    (row,) = await sql.rows('SELECT token_epoch FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert row == {"token_epoch": 1}


async def test_a_reset_after_an_hour(client, account, asked, sql, problem) -> None:
    letter = await asked(account)
    query = "UPDATE identity.account_tokens SET expires_at = expires_at - interval '1 hour' WHERE user_id = %s"
    await sql.rows(query, account.user_id)

    problem(await confirm(client, letter.token), 422, "link_invalid")


async def test_each_purpose_has_tokens_of_its_own(client, account, asked, letters, problem) -> None:
    (verify,) = await letters(account.email)
    reset = await asked(account)

    problem(await confirm(client, verify.token), 422, "link_invalid")
    problem(await client.post("/auth/verify-email", {"token": reset.token}), 422, "link_invalid")


async def test_whoever_asks_learns_nothing(client, account, stranger, sql, letters) -> None:
    gone = await client.sign_up()
    await sql.rows("""UPDATE "user".app_user SET status = 'deactivated' WHERE user_id = %s""", gone.user_id)
    nobody = stranger()
    answers = [await client.post("/auth/password-reset", {"email": each.email}) for each in (account, gone, nobody)]

    assert {(answer.status_code, answer.text) for answer in answers} == {(202, '{"accepted":true}')}
    assert len(await letters(account.email)) == 2
    assert len(await letters(gone.email)) == 1
    assert await letters(nobody.email) == []


async def test_resets_that_are_asked_for_are_told(client, account, stranger, network, sql) -> None:
    here = client.at(network())
    for email in (account.email, stranger().email):
        await here.post("/auth/password-reset", {"email": email})

    entries = [(entry["action"], entry.get("target"), entry["outcome"]) for entry in await sql.audited(ip=network())]
    action = "user.password_reset_requested"
    assert entries == [(action, f"user/{account.user_id}", "succeeded"), (action, None, "refused")]


async def test_a_limit_is_told_when_it_is_reached_and_not_with_each_refusal(client, network, sql, problem) -> None:
    here = client.at(network())
    for number in range(RESETS_FROM_ONE_HOST):
        assert (await here.post("/auth/password-reset", {"email": f"a{number}@example.com"})).status_code == 202
    for _ in range(3):
        problem(await here.post("/auth/password-reset", {"email": "b@example.com"}), 429, "too_many_tries")

    reached = [entry for entry in await sql.audited(ip=network()) if entry["action"] == "limit.reached"]
    facts = {"limit": "password_resets", "most": RESETS_FROM_ONE_HOST, "minutes": 15}
    assert [(entry["outcome"], entry["detail"]) for entry in reached] == [("refused", facts)]


async def test_nobody_can_go_on_voiding_anothers_link(client, account, asked) -> None:
    letters_ = [await asked(account) for _ in range(5)]

    assert len({letter.token for letter in letters_}) == 3
    assert (await confirm(client, letters_[-1].token)).status_code == 204


async def test_a_suspended_user_cannot_use_a_letter_from_before(client, account, asked, sql, problem) -> None:
    letter = await asked(account)
    await sql.rows("""UPDATE "user".app_user SET status = 'suspended' WHERE user_id = %s""", account.user_id)

    problem(await confirm(client, letter.token), 422, "link_invalid")


@pytest.mark.parametrize("password", ["short", "", None, "x" * 129])
async def test_passwords_of_the_wrong_size(client, account, asked, problem, password) -> None:
    letter = await asked(account)
    problem(await confirm(client, letter.token, password), 422, "validation_failed")
    assert (await confirm(client, letter.token)).status_code == 204


@pytest.mark.parametrize("password", ["aaaaaaaaaaaa", "1q2w3e4r5t", "PassWord1234", "dkssudgktpdy", "its own address"])
async def test_passwords_that_many_people_have(client, account, tokens, asked, stranger, problem, password) -> None:
    password = account.email.upper() if password == "its own address" else password
    letter = await asked(account)
    problem(await confirm(client, letter.token, password), 422, "password_unfit")
    assert (await confirm(client, letter.token)).status_code == 204

    tokens = (await client.post("/auth/login", account.login | {"password": NEW})).json()
    body = {"current": NEW, "new": password}
    answer = await client.with_token("POST", "/users/me/password", tokens["access_token"], body)
    problem(answer, 422, "password_unfit")
    if "@" not in password:
        answer = await client.post("/auth/sign-up", stranger().form | {"password": password})
        problem(answer, 422, "password_unfit")


async def test_the_platform_sets_the_least_length(client, account, asked, stranger, setting, problem) -> None:
    letter = await asked(account)
    async with setting("security.password_min_length", 30):
        body = problem(await confirm(client, letter.token, "x1" * 14), 422, "password_too_short")
        assert "30" in body["detail"]
        problem(await client.post("/auth/sign-up", stranger().form), 422, "password_too_short")
        assert (await confirm(client, letter.token, "x1" * 15)).status_code == 204


# --- somebody else is in


@dataclass
class Intruder:
    """Somebody who got in before the owner of the address did, and has left ways back."""

    session: dict
    key: dict
    token: str
    app: pyotp.TOTP


@pytest.fixture
def intruder(client, sql):
    async def get_in(account) -> Intruder:
        session = await client.login(account)

        async def ask(path: str, body: dict):
            answer = await client.with_token("POST", path, session["access_token"], body)
            assert answer.status_code in (200, 201), answer.text
            return answer.json()

        form = {"name": "모두", "scopes": sorted(SCOPES), "expires_in_days": 365}
        key = await ask("/users/me/api-keys", form)
        expired = await ask("/users/me/api-keys", form | {"name": "지난 것"})
        query = "UPDATE identity.api_keys SET expires_at = now() - interval '1 second' WHERE api_key_id = %s"
        await sql.rows(query, expired["api_key_id"])
        app = pyotp.TOTP((await ask("/users/me/mfa/totp", {"password": account.password}))["secret"])
        await ask("/users/me/mfa/totp/confirm", {"code": app.now()})
        query = """INSERT INTO identity.linked_identities (identity_id, user_id, provider, issuer, subject, email)
            VALUES (gen_random_uuid(), %s, 'one', 'https://one.example', %s, %s)"""
        await sql.rows(query, account.user_id, account.user_id, account.email)
        traded = await client.post("/auth/api-keys/token", {"api_key": key["api_key"]})
        return Intruder(session, key, traded.json()["access_token"], app)

    return get_in


async def kept(sql, account) -> dict[str, int]:
    tables = ("totp_factors", "recovery_codes", "linked_identities")
    query = "SELECT count(*) AS n FROM identity.{} WHERE user_id = %s"
    return {table: (await sql.rows(query.format(table), account.user_id))[0]["n"] for table in tables}


async def is_out(client, problem, intruder: Intruder) -> None:
    problem(await client.with_token("GET", "/users/me", intruder.session["access_token"]), 401, "session_ended")
    problem(await client.refresh(intruder.session["refresh_token"]), 401, "refresh_refused")
    problem(await client.with_token("GET", "/users/me", intruder.token), 401, "session_ended")
    problem(await client.post("/auth/api-keys/token", {"api_key": intruder.key["api_key"]}), 401, "api_key_invalid")


async def test_whoever_signed_up_with_anothers_address_is_out_once_its_owner_resets_the_password(
    client, account, intruder, asked, letters, sql, problem
) -> None:
    attacker = await intruder(account)
    assert (await confirm(client, (await asked(account)).token)).status_code == 204

    await is_out(client, problem, attacker)
    assert set((await kept(sql, account)).values()) == {0}
    owner = (await client.post("/auth/login", account.login | {"password": NEW})).json()
    assert "access_token" in owner, "nothing is asked for that only the attacker has"
    letter = (await letters(account.email))[-1]
    assert "API 키" in letter.text
    assert "2단계 인증" in letter.text
    (entry,) = [e for e in await sql.audited(f"user/{account.user_id}") if e["action"] == "user.password_reset"]
    assert entry["detail"] == {"was_verified": False}
    (*_, revoked, _) = await sql.audited(f"api_key/{attacker.key['api_key_id']}")
    assert (revoked["action"], revoked["detail"]["reason"]) == ("api_key.revoked", "password reset")


async def test_whoever_got_into_a_verified_account_is_out_and_the_owners_factor_stays(
    client, account, intruder, asked, letters, sql, problem
) -> None:
    (letter,) = await letters(account.email)
    await client.post("/auth/verify-email", {"token": letter.token})
    attacker = await intruder(account)
    before = await kept(sql, account)
    assert (await confirm(client, (await asked(account)).token)).status_code == 204

    await is_out(client, problem, attacker)
    assert await kept(sql, account) == before == {"totp_factors": 1, "recovery_codes": 10, "linked_identities": 1}
    assert (await client.post("/auth/login", account.login | {"password": NEW})).json()["mfa_required"] is True
    letter = (await letters(account.email))[-1]
    assert "API 키" in letter.text
    assert "2단계 인증" not in letter.text


async def test_no_key_is_made_while_the_password_is_reset(client, account, tokens, sql, problem) -> None:
    """A request that had passed the door waits for the reset, and finds its session gone."""
    caller = await client.app.state.verifier.verify(tokens["access_token"])
    await sql.rows('UPDATE "user".app_user SET token_epoch = token_epoch + 1 WHERE user_id = %s', account.user_id)

    with pytest.raises(Unauthenticated):
        await client.wired.api_keys.issue(caller, name="x", scopes=["search:read"], lifetime=timedelta(days=1))
    assert await sql.rows("SELECT 1 FROM identity.api_keys WHERE user_id = %s", account.user_id) == []


# --- known


async def change(client, tokens, current: str, new: str = NEW):
    return await client.with_token(
        "POST", "/users/me/password", tokens["access_token"], {"current": current, "new": new}
    )


async def test_a_change_ends_all_other_sessions(client, account, tokens, sql, letters, problem) -> None:
    other = await client.login(account)
    answer = await change(client, tokens, account.password)

    assert answer.status_code == 200
    fresh = answer.json()
    assert set(fresh) == {"access_token", "token_type", "expires_in"}
    problem(await client.with_token("GET", "/users/me", other["access_token"]), 401, "session_ended")
    problem(await client.refresh(other["refresh_token"]), 401, "refresh_refused")
    problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")
    assert (await client.with_token("GET", "/users/me", fresh["access_token"])).status_code == 200
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200
    problem(await client.post("/auth/login", account.login), 401, "login_refused")
    assert (await client.post("/auth/login", account.login | {"password": NEW})).status_code == 200
    (entry,) = [e for e in await sql.audited(f"user/{account.user_id}") if e["action"] == "user.password_changed"]
    assert entry["actor_id"] == account.user_id
    assert "비밀번호가 바뀌었습니다" in (await letters(account.email))[-1].subject


async def test_the_present_password_is_needed(client, account, tokens, problem) -> None:
    problem(await change(client, tokens, "another-password"), 403, "password_wrong")
    problem(await change(client, tokens, ""), 422, "validation_failed")
    problem(await change(client, tokens, account.password, "short"), 422, "validation_failed")
    assert (await client.login(account))["access_token"]


async def test_a_stolen_token_does_not_guess_it(client, account, network, setting, problem, sql) -> None:
    here = client.at(network())
    async with setting("security.login_attempts", 3):
        tokens = await client.login(account)
        answers = [await change(here, tokens, "another-password") for _ in range(4)]

        assert [answer.status_code for answer in answers] == [403] * 3 + [429]
        problem(await change(here, tokens, account.password), 429, "too_many_tries")
        assert (await change(client, tokens, account.password)).status_code == 200
    locked = [entry for entry in await sql.audited(ip=network()) if entry["action"] == "user.login_locked"]
    assert [(entry["actor_id"], entry["outcome"]) for entry in locked] == [(account.user_id, "refused")]


async def test_two_changes_at_once(client, account, tokens, sql) -> None:
    """One wins; the other finds its session changed under it, and nothing is half done."""
    answers = await asyncio.gather(*(change(client, tokens, account.password, f"{NEW}-{n}") for n in range(2)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses in ([200, 401], [200, 403])
    (won,) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    assert (await client.post("/auth/login", account.login | {"password": f"{NEW}-{won}"})).status_code == 200
    (row,) = await sql.rows('SELECT token_epoch FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert row == {"token_epoch": 1}


async def test_a_change_gives_no_more_than_the_session_is_good_for(client, account, tokens, setting) -> None:
    """A tier that must have a second factor by now: changing the password is no way to put it off."""
    async with setting("security.mfa_required_tiers", ["user"]):
        fresh = (await change(client, tokens, account.password)).json()["access_token"]
        answer = await client.with_token("GET", "/users/me/sessions", fresh)

    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed")


async def test_a_session_ends_when_its_time_is_over_whatever_token_there_is(
    client, account, tokens, sql, problem
) -> None:
    query = "UPDATE identity.sessions SET expires_at = now() WHERE user_id = %s"
    await sql.rows(query, account.user_id)

    problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")
    problem(await change(client, tokens, account.password), 401, "session_ended")

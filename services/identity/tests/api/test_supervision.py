"""What supervisors do to accounts: each act once however often it is asked for, told to the others, and noted."""

import asyncio
from typing import Any
from uuid import uuid4

import jwt
import pytest

from contracts.identity import SessionRevoked, UserAnonymised, UserChanged

REASON = "여러 사람이 함께 쓰는 계정"
ACTS: dict[str, Any] = {
    "suspend": {"reason": REASON},
    "restore": None,
    "sign-out": None,
    "reset-mfa": None,
    "verify-email": None,
}


@pytest.fixture
def act(boss, account):
    """`await act("suspend")`: done to the test's account; the account as it is then."""

    async def do(name: str) -> dict[str, Any]:
        answer = await boss("POST", f"/users/{account.user_id}/{name}", ACTS[name])
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    return do


@pytest.fixture
def told(sql, account):
    """What the others were told of the account since it signed up, without the audit log's entries."""

    async def read() -> list[UserChanged | SessionRevoked]:
        return [each for each in await sql.events(account.user_id) if isinstance(each, UserChanged | SessionRevoked)]

    return read


@pytest.fixture
def noted(sql, account):
    async def read() -> list[dict[str, Any]]:
        entries = await sql.audited(f"user/{account.user_id}")
        return [each for each in entries if each["action"] not in ("user.signed_up", "user.logged_in")]

    return read


async def test_a_suspended_account_is_shut_at_once(client, act, account, problem) -> None:
    tokens = await client.login(account)
    detail = await act("suspend")
    assert (detail["status"], detail["status_reason"], detail["sessions"]) == ("suspended", REASON, 0)
    problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")
    problem(await client.refresh(tokens["refresh_token"]), 401, "refresh_refused")
    problem(await client.post("/auth/login", account.login), 401, "login_refused")


async def test_the_others_are_told_of_a_higher_epoch(client, act, told, account) -> None:
    """They refuse every older token from then on; tokens carry the epoch that they were made in."""
    token = (await client.login(account))["access_token"]
    epoch = jwt.decode(token, options={"verify_signature": False})["epoch"]
    await act("suspend")
    revoked, changed = await told()
    assert isinstance(revoked, SessionRevoked)
    assert revoked.session_id is None
    assert isinstance(changed, UserChanged)
    assert (changed.status, changed.email) == ("suspended", account.email)
    assert revoked.token_epoch == changed.token_epoch == epoch + 1


async def test_a_suspension_is_noted_without_its_words(act, noted, supervisor, sql, account) -> None:
    await act("suspend")
    (entry,) = await noted()
    assert (entry["action"], entry["actor_id"], entry["outcome"]) == (
        "user.suspended", supervisor.user_id, "succeeded",
    )  # fmt: skip
    assert entry["detail"] == {"reason_length": len(REASON)}
    assert (entry["ip"], bool(entry["session_id"])) == ("127.0.0.1", True)
    rows = await sql.rows("SELECT payload::text AS body FROM identity.outbox")
    assert not [row for row in rows if REASON in row["body"]]


async def test_a_restored_account_logs_in_again_and_old_tokens_stay_dead(client, act, told, account, problem) -> None:
    tokens = await client.login(account)
    await act("suspend")
    detail = await act("restore")
    assert (detail["status"], detail["status_reason"]) == ("active", None)
    problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")
    problem(await client.refresh(tokens["refresh_token"]), 401, "refresh_refused")
    new = await client.login(account)
    assert (await client.with_token("GET", "/users/me", new["access_token"])).status_code == 200
    changes = [each for each in await told() if isinstance(each, UserChanged)]
    assert [each.status for each in changes] == ["suspended", "active"]
    assert changes[0].version < changes[1].version


async def test_whoever_left_for_now_is_restored(client, act, account) -> None:
    token = (await client.login(account))["access_token"]
    left = await client.with_token("POST", "/users/me/deactivate", token, {"password": account.password})
    assert left.status_code == 204, left.text
    detail = await act("restore")
    assert (detail["status"], detail["deactivated_at"]) == ("active", None)
    await client.login(account)


async def test_whoever_left_for_now_can_be_suspended(act, sql, account) -> None:
    await sql.rows("""UPDATE "user".app_user SET status = 'deactivated' WHERE user_id = %s""", account.user_id)
    assert (await act("suspend"))["status"] == "suspended"


async def test_a_forced_sign_out_ends_every_session_and_leaves_the_account(client, act, told, account, problem) -> None:
    sessions = [await client.login(account) for _ in range(3)]
    detail = await act("sign-out")
    assert (detail["status"], detail["sessions"]) == ("active", 0)
    for tokens in sessions:
        problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")
        problem(await client.refresh(tokens["refresh_token"]), 401, "refresh_refused")
    revoked = [each for each in await told() if isinstance(each, SessionRevoked)]
    assert [(each.session_id, each.token_epoch) for each in revoked] == [(None, 1)]
    await client.login(account)


async def test_a_forced_sign_out_ends_what_an_api_key_was_given(client, act, asker, account, problem) -> None:
    ask = await asker(account)
    made = await ask("POST", "/users/me/api-keys", {"name": "ci", "scopes": ["documents:read"], "expires_in_days": 1})
    assert made.status_code == 201, made.text
    trade = {"api_key": made.json()["api_key"]}
    token = (await client.post("/auth/api-keys/token", trade)).json()["access_token"]
    before = await client.with_token("GET", "/users/me", token)
    problem(before, 403, "login_needed")
    await act("sign-out")
    problem(await client.with_token("GET", "/users/me", token), 401, "session_ended")
    assert (await client.post("/auth/api-keys/token", trade)).status_code == 200, "the key itself stays"


async def test_a_lost_second_factor_is_taken_away(client, act, noted, sql, account) -> None:
    await client.login(account)
    await sql.rows(
        "INSERT INTO identity.totp_factors (user_id, sealed, confirmed_at) VALUES (%s, '\\x00', now())",
        account.user_id,
    )
    await sql.rows("INSERT INTO identity.recovery_codes (user_id, code_hash) VALUES (%s, '\\x01')", account.user_id)
    detail = await act("reset-mfa")
    assert (detail["mfa_enabled"], detail["recovery_codes"], detail["sessions"]) == (False, 0, 0)
    assert (await client.login(account))["access_token"], "the password is enough again"
    assert [entry["action"] for entry in await noted()] == ["user.mfa_reset"]


async def test_an_address_that_a_supervisor_vouches_for(act, noted, account) -> None:
    assert (await act("verify-email"))["email_verified_at"] is not None
    assert [entry["action"] for entry in await noted()] == ["user.email_verified"]


@pytest.mark.parametrize("name", ["suspend", "verify-email", "reset-mfa", "restore"])
async def test_the_same_again_changes_nothing(act, told, noted, name) -> None:
    first = await act(name)
    events, entries = await told(), await noted()
    for _ in range(2):
        assert await act(name) == first
    assert (await told(), await noted()) == (events, entries)
    assert len(entries) == (1 if name in ("suspend", "verify-email") else 0)


async def test_signing_out_again_is_harmless(client, act, account) -> None:
    for _ in range(3):
        assert (await act("sign-out"))["sessions"] == 0
    await client.login(account)


@pytest.mark.parametrize("name", ["suspend", "verify-email"])
async def test_five_at_once_are_one(boss, account, told, noted, name) -> None:
    path = f"/users/{account.user_id}/{name}"
    answers = await asyncio.gather(*(boss("POST", path, ACTS[name]) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len([each for each in await told() if isinstance(each, UserChanged)]) == 1
    assert len(await noted()) == 1


async def test_a_second_reason_does_not_take_the_place_of_the_first(boss, account, act) -> None:
    await act("suspend")
    again = await boss("POST", f"/users/{account.user_id}/suspend", {"reason": "another"})
    assert again.json()["status_reason"] == REASON


@pytest.mark.parametrize(
    "body",
    [None, {}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}, {"reason": 1}, {"reason": "a\0b"},
     {"reason": "x", "until": "tomorrow"}, []],
    ids=repr,
)  # fmt: skip
async def test_a_suspension_needs_a_reason(boss, account, problem, sql, body) -> None:
    problem(await boss("POST", f"/users/{account.user_id}/suspend", body), 422, "validation_failed")
    (row,) = await sql.rows('SELECT status FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert row["status"] == "active"


async def test_a_reason_of_half_a_letter(client, boss, account, problem) -> None:
    headers = {"Authorization": f"Bearer {boss.token}", "Content-Type": "application/json"}
    path = f"/users/{account.user_id}/suspend"
    answer = await client.http.post(path, content=b'{"reason": "\\ud800"}', headers=headers)
    problem(answer, 422, "validation_failed")


async def test_a_reason_may_have_several_lines(boss, account) -> None:
    answer = await boss("POST", f"/users/{account.user_id}/suspend", {"reason": " 첫째 줄\n둘째 줄\t끝 "})
    assert answer.json()["status_reason"] == "첫째 줄\n둘째 줄\t끝"


@pytest.mark.parametrize("name", ["suspend", "reset-mfa", "anonymise"])
async def test_nobody_does_it_to_themselves(boss, supervisor, problem, sql, name) -> None:
    await sql.rows(
        "INSERT INTO identity.totp_factors (user_id, sealed, confirmed_at) VALUES (%s, '\\x00', now())",
        supervisor.user_id,
    )
    body = {"suspend": {"reason": "x"}, "anonymise": {"confirm": supervisor.email}}.get(name)
    problem(await boss("POST", f"/users/{supervisor.user_id}/{name}", body), 409, "not_to_yourself")
    assert (await boss("GET", "/users/me")).json()["status"] == "active"


async def test_one_may_sign_oneself_out(boss, supervisor, problem) -> None:
    # The answer is still given: whoever asked was a supervisor with a session when they asked.
    assert (await boss("POST", f"/users/{supervisor.user_id}/sign-out")).status_code == 200
    problem(await boss("GET", "/users/me"), 401, "session_ended")


async def test_supervisors_may_suspend_each_other(client, boss, stranger) -> None:
    other = stranger()
    profile = await client.wired.accounts.create_supervisor(**other.form, locale="ko")
    answer = await boss("POST", f"/users/{profile.user_id}/suspend", {"reason": "x"})
    assert answer.json()["status"] == "suspended"


@pytest.mark.parametrize("name", ["suspend", "anonymise"])
async def test_two_who_shut_each_other_out_at_once_leave_one(client, asker, stranger, sql, name) -> None:
    await sql.rows("""UPDATE "user".app_user SET status = 'suspended' WHERE tier = 'supervisor'""")
    pair = []
    for _ in range(2):
        account = stranger()
        account.user_id = str((await client.wired.accounts.create_supervisor(**account.form, locale="ko")).user_id)
        pair.append((account, await asker(account)))
    (one, ask_one), (two, ask_two) = pair
    body = {"suspend": lambda _: {"reason": "x"}, "anonymise": lambda other: {"confirm": other.email}}[name]
    answers = await asyncio.gather(
        ask_one("POST", f"/users/{two.user_id}/{name}", body(two)),
        ask_two("POST", f"/users/{one.user_id}/{name}", body(one)),
    )
    assert min(answer.status_code for answer in answers) == 200
    assert {answer.status_code for answer in answers} <= {200, 401, 409}
    left = await sql.rows("""SELECT user_id FROM "user".app_user WHERE tier = 'supervisor' AND status = 'active'""")
    assert len(left) == 1


async def test_the_last_one_cannot_be_suspended_by_one_who_was(client, asker, stranger, sql, problem) -> None:
    """A token that has not been looked at since: the rule holds all the same."""
    await sql.rows("""UPDATE "user".app_user SET status = 'suspended' WHERE tier = 'supervisor'""")
    last = stranger()
    last_id = (await client.wired.accounts.create_supervisor(**last.form, locale="ko")).user_id
    service, caller = client.wired.supervision, None
    token = (await client.login(last))["access_token"]
    caller = await client.wired.access.verifier.verify(token)
    gone = type(caller)(uuid4(), "supervisor", uuid4(), 0)
    with pytest.raises(Exception, match="last_supervisor"):
        await service.suspend(gone, last_id, reason="x")
    assert (await client.with_token("GET", "/users/me", token)).status_code == 200


async def test_an_account_that_is_gone_stays_gone(boss, account, problem) -> None:
    path = f"/users/{account.user_id}"
    wrong = await boss("POST", f"{path}/anonymise", {"confirm": "somebody.else@example.com"})
    problem(wrong, 422, "confirmation_wrong")
    answer = await boss("POST", f"{path}/anonymise", {"confirm": f" {account.email.upper()} "})
    assert answer.status_code == 200, answer.text
    gone = answer.json()
    assert (gone["status"], gone["email_verified_at"]) == ("anonymised", None)
    assert account.email not in answer.text
    for name, body in ACTS.items():
        problem(await boss("POST", f"{path}/{name}", body), 409, "user_anonymised")
    again = await boss("POST", f"{path}/anonymise", {"confirm": "whatever@example.com"})
    assert (again.status_code, again.json()["status"]) == (200, "anonymised")


async def test_anonymising_takes_the_reason_away_and_tells_the_others(client, boss, act, account, sql, noted) -> None:
    await client.login(account)
    await act("suspend")
    await boss("POST", f"/users/{account.user_id}/anonymise", {"confirm": account.email})
    (row,) = await sql.rows('SELECT * FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert row["status_reason"] is None
    assert REASON not in str(row)
    events = await sql.events(account.user_id)
    assert [type(event) for event in events if isinstance(event, UserAnonymised)] == [UserAnonymised]
    assert [entry["action"] for entry in await noted()] == ["user.suspended", "user.anonymised"]


@pytest.mark.parametrize("body", [None, {}, {"confirm": ""}, {"confirm": True}, {"confirm": "x" * 255}], ids=repr)
async def test_anonymising_needs_a_confirmation(boss, account, problem, body) -> None:
    problem(await boss("POST", f"/users/{account.user_id}/anonymise", body), 422, "validation_failed")


async def test_an_api_key_of_a_supervisor_administers_nothing(client, boss, supervisor, account, problem) -> None:
    scopes = ["orgs:read", "orgs:write", "documents:read"]
    made = await boss("POST", "/users/me/api-keys", {"name": "ci", "scopes": scopes, "expires_in_days": 1})
    assert made.status_code == 201, made.text
    key = made.json()["api_key"]
    for method, path in (
        ("GET", "/users"),
        ("GET", "/users/export"),
        ("GET", f"/users/{account.user_id}"),
        ("POST", f"/users/{account.user_id}/restore"),
        ("GET", "/platform-settings"),
        ("DELETE", "/platform-settings/api.cors_origins"),
    ):
        problem(await client.with_token(method, path, key), 403, "login_needed")

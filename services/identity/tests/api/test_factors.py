"""TOTP and recovery codes: set up, asked for at the login, renewed, taken away."""

import asyncio
import base64
import time
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import jwt
import pyotp
import pytest

from chassis.errors import GrowFitError
from identity.factory import wire
from identity.service.codes import MOST_TRIES

STEP = 30


@dataclass
class Enrolled:
    """Somebody with an authenticator app, and the recovery codes they wrote down."""

    account: object
    ask: object
    app: pyotp.TOTP
    recovery: list[str]

    def code(self, *, steps: int = 0) -> str:
        return self.app.at(time.time() + steps * STEP)

    def wrong(self) -> str:
        near = {self.code(steps=steps) for steps in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(10)) if code not in near)


@pytest.fixture
def later(sql):
    """As if the last code had been used long ago, and no try been counted."""

    async def move(user_id: str) -> None:
        await sql.rows("UPDATE identity.totp_factors SET last_step = last_step - 100 WHERE user_id = %s", user_id)
        await sql.rows("DELETE FROM identity.attempts")

    return move


@pytest.fixture
async def enrolled(account, asker, later) -> Enrolled:
    ask = await asker(account)
    started = (await ask("POST", "/users/me/mfa/totp", {"password": account.password})).json()
    app = pyotp.TOTP(started["secret"])
    answer = await ask("POST", "/users/me/mfa/totp/confirm", {"code": app.now()})
    assert answer.status_code == 200, answer.text
    await later(account.user_id)
    return Enrolled(account, ask, app, answer.json()["recovery_codes"])


@pytest.fixture
def first_step(client):
    """The token of a login whose password was right."""

    async def begin(account) -> str:
        answer = await client.post("/auth/login", account.login)
        assert answer.json()["mfa_required"] is True, answer.text
        return answer.json()["mfa_token"]

    return begin


@pytest.fixture
def second_step(client):
    async def end(mfa_token: str, code: str):
        return await client.post("/auth/login/mfa", {"mfa_token": mfa_token, "code": code})

    return end


async def test_setting_up_gives_a_secret_for_an_app_and_counts_for_nothing_yet(client, account, asker, sql) -> None:
    ask = await asker(account)
    answer = await ask("POST", "/users/me/mfa/totp", {"password": account.password})

    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    body = answer.json()
    assert len(base64.b32decode(body["secret"])) == 20
    uri = urlsplit(body["otpauth_uri"])
    query = parse_qs(uri.query)
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/GrowFit:{account.email}")
    assert (query["secret"], query["issuer"]) == ([body["secret"]], ["GrowFit"])
    status = (await ask("GET", "/users/me/mfa")).json()
    assert status == {"enabled": False, "confirmed_at": None, "recovery_codes_left": 0, "required": False}
    assert "access_token" in await client.login(account)
    query = "SELECT encode(sealed, 'escape') AS sealed FROM identity.totp_factors WHERE user_id = %s"
    (row,) = await sql.rows(query, account.user_id)
    assert body["secret"] not in row["sealed"]


async def test_a_new_start_voids_the_secret_before(account, asker, problem) -> None:
    ask = await asker(account)
    old, new = [
        (await ask("POST", "/users/me/mfa/totp", {"password": account.password})).json()["secret"] for _ in range(2)
    ]

    body = {"code": pyotp.TOTP(old).now()}
    problem(await ask("POST", "/users/me/mfa/totp/confirm", body), 403, "mfa_code_wrong")
    assert (await ask("POST", "/users/me/mfa/totp/confirm", {"code": pyotp.TOTP(new).now()})).status_code == 200


async def test_confirming_gives_ten_recovery_codes_once_and_is_told(client, enrolled, sql, account) -> None:
    assert len(set(enrolled.recovery)) == 10
    status = (await enrolled.ask("GET", "/users/me/mfa")).json()
    assert (status["enabled"], status["recovery_codes_left"]) == (True, 10)
    assert (await enrolled.ask("GET", "/users/me")).json()["mfa_enabled"] is True
    rows = await sql.rows("SELECT code_hash FROM identity.recovery_codes WHERE user_id = %s", account.user_id)
    assert {len(row["code_hash"]) for row in rows} == {32}
    entries = await sql.audited(f"user/{account.user_id}")
    (entry,) = [entry for entry in entries if entry["action"] == "mfa.enabled"]
    assert (entry["actor_id"], entry["outcome"]) == (account.user_id, "succeeded")
    assert not any(code in str(entries) for code in enrolled.recovery)


async def test_a_confirmed_one_is_neither_replaced_nor_confirmed_again(enrolled, account, problem) -> None:
    problem(await enrolled.ask("POST", "/users/me/mfa/totp", {"password": account.password}), 409, "mfa_enabled")
    body = {"code": enrolled.code()}
    problem(await enrolled.ask("POST", "/users/me/mfa/totp/confirm", body), 409, "mfa_enabled")


async def test_a_session_alone_sets_none_up(account, asker, problem, sql) -> None:
    """Whoever finds it open would lock its user out."""
    ask = await asker(account)
    for nothing in (None, {}, {"password": None}):
        body = problem(await ask("POST", "/users/me/mfa/totp", nothing), 422, "password_needed")
        assert "비밀번호" in body["detail"]
    problem(await ask("POST", "/users/me/mfa/totp", {"password": "another-password"}), 403, "password_wrong")

    assert await sql.rows("SELECT 1 FROM identity.totp_factors WHERE user_id = %s", account.user_id) == []


@pytest.mark.parametrize("body", [{"password": ""}, {"password": "x" * 129}, {"password": 5}, {"secret": "x"}, [], "x"])
async def test_starts_that_are_none(account, asker, problem, body) -> None:
    ask = await asker(account)
    problem(await ask("POST", "/users/me/mfa/totp", body), 422, "validation_failed")


async def test_nor_does_it_guess_the_password(client, account, network, setting, problem) -> None:
    here, token = client.at(network()), (await client.login(account))["access_token"]
    async with setting("security.login_attempts", 3):
        wrong = {"password": "another-password"}
        answers = [await here.with_token("POST", "/users/me/mfa/totp", token, wrong) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [403] * 3 + [429]


async def test_a_letter_tells_that_one_was_added(enrolled, account, letters) -> None:
    assert "설정되었습니다" in (await letters(account.email))[-1].subject


async def test_nothing_is_confirmed_that_was_not_started(account, asker, problem) -> None:
    ask = await asker(account)
    problem(await ask("POST", "/users/me/mfa/totp/confirm", {"code": "123456"}), 409, "mfa_not_started")


async def test_of_two_confirmations_at_once_one_gives_codes(account, asker) -> None:
    ask = await asker(account)
    app = pyotp.TOTP((await ask("POST", "/users/me/mfa/totp", {"password": account.password})).json()["secret"])
    body = {"code": app.now()}
    answers = await asyncio.gather(*(ask("POST", "/users/me/mfa/totp/confirm", body) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert (await ask("GET", "/users/me/mfa")).json()["recovery_codes_left"] == 10


async def test_a_login_asks_for_a_code_and_opens_nothing_before(client, enrolled, sql, second_step, account) -> None:
    answer = await client.post("/auth/login", account.login)

    body = answer.json()
    assert set(body) == {"mfa_required", "mfa_token", "expires_in", "methods"}
    assert (body["expires_in"], body["methods"]) == (300, ["totp", "recovery_code"])
    query = "SELECT session_id FROM identity.sessions WHERE user_id = %s"
    before = await sql.rows(query, account.user_id)
    tokens = (await second_step(body["mfa_token"], enrolled.code())).json()
    assert len(await sql.rows(query, account.user_id)) == len(before) + 1
    assert (await client.with_token("GET", "/users/me", tokens["access_token"])).status_code == 200
    assert "scope" not in jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (await client.refresh(tokens["refresh_token"])).status_code == 200
    (row,) = await sql.rows("SELECT count(*) AS n FROM identity.mfa_challenges WHERE user_id = %s", account.user_id)
    assert row["n"] == 0


async def test_a_wrong_password_is_told_nothing_of_second_factors(client, enrolled, problem, account) -> None:
    problem(await client.post("/auth/login", account.login | {"password": "another-password"}), 401, "login_refused")


@pytest.mark.parametrize(("steps", "status"), [(-3, 401), (-1, 200), (0, 200), (1, 200), (3, 401)])
async def test_codes_of_the_steps_around_now_are_taken(
    enrolled, first_step, second_step, account, steps, status
) -> None:
    answer = await second_step(await first_step(account), enrolled.code(steps=steps))

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("written", ["{0}{1}", "{0} {1}", " {0}-{1} "])
async def test_however_a_code_is_written(enrolled, first_step, second_step, account, written) -> None:
    code = enrolled.code()

    assert (await second_step(await first_step(account), written.format(code[:3], code[3:]))).status_code == 200


async def test_a_code_is_taken_once(enrolled, first_step, second_step, account, problem) -> None:
    code = enrolled.code()
    assert (await second_step(await first_step(account), code)).status_code == 200
    problem(await second_step(await first_step(account), code), 401, "mfa_code_wrong")


async def test_nor_is_an_older_one_after_it(enrolled, first_step, second_step, account, problem) -> None:
    assert (await second_step(await first_step(account), enrolled.code(steps=1))).status_code == 200
    problem(await second_step(await first_step(account), enrolled.code()), 401, "mfa_code_wrong")


async def test_the_code_that_confirmed_is_used_too(account, asker, first_step, second_step, problem) -> None:
    ask = await asker(account)
    app = pyotp.TOTP((await ask("POST", "/users/me/mfa/totp", {"password": account.password})).json()["secret"])
    code = app.now()
    await ask("POST", "/users/me/mfa/totp/confirm", {"code": code})

    problem(await second_step(await first_step(account), code), 401, "mfa_code_wrong")


async def test_of_many_logins_with_one_code_at_once_one_is_opened(enrolled, first_step, second_step, account) -> None:
    """Each has a first step of its own: it is the code that is used up."""
    tokens = [await first_step(account) for _ in range(MOST_TRIES)]
    code = enrolled.code()
    answers = await asyncio.gather(*(second_step(token, code) for token in tokens))

    assert sorted(answer.status_code for answer in answers) == [200, *[401] * (MOST_TRIES - 1)]


async def test_a_first_step_is_good_for_one_session(enrolled, first_step, second_step, account, problem, sql) -> None:
    token = await first_step(account)
    answers = await asyncio.gather(*(second_step(token, code) for code in enrolled.recovery[:3]))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    problem(await second_step(token, enrolled.recovery[4]), 401, "mfa_token_invalid")
    query = "SELECT count(*) AS used FROM identity.recovery_codes WHERE user_id = %s AND used_at IS NOT NULL"
    (row,) = await sql.rows(query, account.user_id)
    assert row["used"] == 1


async def test_a_wrong_code_leaves_the_first_step_as_it_is_and_is_told(
    enrolled, first_step, second_step, account, problem, sql
) -> None:
    token = await first_step(account)
    body = problem(await second_step(token, enrolled.wrong()), 401, "mfa_code_wrong")

    assert "인증 코드" in body["detail"]
    assert (await second_step(token, enrolled.code())).status_code == 200
    failed = [each for each in await sql.audited(f"user/{account.user_id}") if each["action"] == "mfa.challenge_failed"]
    assert [(each["outcome"], each.get("actor_id")) for each in failed] == [("refused", None)]


async def test_a_first_step_is_over_after_five_minutes(
    enrolled, first_step, second_step, account, problem, sql
) -> None:
    token = await first_step(account)
    query = "SELECT max(expires_at) - now() AS rest FROM identity.mfa_challenges WHERE user_id = %s"
    (row,) = await sql.rows(query, account.user_id)
    assert timedelta(minutes=4) < row["rest"] <= timedelta(minutes=5)
    query = "UPDATE identity.mfa_challenges SET expires_at = now() - interval '1 second' WHERE user_id = %s"
    await sql.rows(query, account.user_id)

    problem(await second_step(token, enrolled.code()), 401, "mfa_token_invalid")


@pytest.mark.parametrize("change", ["token_epoch = token_epoch + 1", "status = 'suspended'"])
async def test_a_first_step_dies_with_the_sessions(
    enrolled, first_step, second_step, account, problem, sql, change
) -> None:
    token = await first_step(account)
    await sql.rows(f'UPDATE "user".app_user SET {change} WHERE user_id = %s', account.user_id)

    problem(await second_step(token, enrolled.code()), 401, "mfa_token_invalid")


async def test_only_the_hash_of_a_first_step_is_kept(enrolled, first_step, account, sql) -> None:
    token = await first_step(account)
    (row,) = await sql.rows("SELECT token_hash FROM identity.mfa_challenges WHERE user_id = %s", account.user_id)

    assert len(row["token_hash"]) == 32
    assert token.encode() not in bytes(row["token_hash"])


async def test_after_five_wrong_codes_a_right_one_waits(
    enrolled, first_step, second_step, account, problem, later, sql
) -> None:
    token = await first_step(account)
    for _ in range(MOST_TRIES):
        problem(await second_step(token, enrolled.wrong()), 401, "mfa_code_wrong")
    answer = await second_step(token, enrolled.code())

    body = problem(answer, 429, "too_many_tries")
    assert 0 < body["retry_after"] <= 300
    assert answer.headers["retry-after"] == str(body["retry_after"])
    problem(await second_step(await first_step(account), enrolled.recovery[0]), 429, "too_many_tries")
    actions = [each["action"] for each in await sql.audited(f"user/{account.user_id}")]
    assert [each for each in actions if each.startswith("mfa.") and each != "mfa.enabled"] == [
        *["mfa.challenge_failed"] * MOST_TRIES,
        "mfa.locked",
    ]
    await later(account.user_id)
    assert (await second_step(token, enrolled.code())).status_code == 200


async def test_replicas_count_together(settings, enrolled, first_step, account, problem, sql) -> None:
    """A hundred guesses at once, at two processes: five are looked at."""
    token = await first_step(account)
    processes = [wire(settings) for _ in range(2)]

    async def guess(number: int) -> str:
        try:
            await processes[number % 2].second_step.login(mfa_token=token, code=enrolled.wrong(), user_agent="")
        except GrowFitError as error:
            return error.code
        return "opened"

    outcomes = await asyncio.gather(*(guess(number) for number in range(100)))
    for process in processes:
        await process.database.close()
    assert sorted(set(outcomes)) == ["mfa_code_wrong", "too_many_tries"]
    assert outcomes.count("mfa_code_wrong") == MOST_TRIES


async def test_right_codes_are_no_tries(enrolled, first_step, second_step, account) -> None:
    for code in enrolled.recovery[: MOST_TRIES + 2]:
        assert (await second_step(await first_step(account), code)).status_code == 200


async def test_a_recovery_code_lets_in_once_and_its_owner_is_told(
    enrolled, first_step, second_step, account, problem, sql, letters
) -> None:
    code = enrolled.recovery[3].lower().replace("-", " ")
    assert (await second_step(await first_step(account), code)).status_code == 200
    problem(await second_step(await first_step(account), enrolled.recovery[3]), 401, "mfa_code_wrong")

    entries = await sql.audited(f"user/{account.user_id}")
    (entry,) = [each for each in entries if each["action"] == "mfa.recovery_code_used"]
    assert entry["detail"] == {"left": 9}
    assert "복구 코드" in (await letters(account.email))[-1].subject
    assert (await enrolled.ask("GET", "/users/me/mfa")).json()["recovery_codes_left"] == 9


async def test_a_recovery_code_is_its_owners_alone(
    client, enrolled, first_step, second_step, account, problem, sql
) -> None:
    other = await client.sign_up()
    query = """INSERT INTO identity.totp_factors (user_id, sealed, confirmed_at)
        SELECT %s, sealed, now() FROM identity.totp_factors WHERE user_id = %s"""
    await sql.rows(query, other.user_id, account.user_id)

    problem(await second_step(await first_step(other), enrolled.recovery[0]), 401, "mfa_code_wrong")


async def test_a_new_set_of_codes_voids_the_old_one(enrolled, first_step, second_step, account, problem, later) -> None:
    answer = await enrolled.ask("POST", "/users/me/mfa/recovery-codes", {"code": enrolled.code()})

    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    new = answer.json()["recovery_codes"]
    assert len(set(new) - set(enrolled.recovery)) == 10
    problem(await second_step(await first_step(account), enrolled.recovery[0]), 401, "mfa_code_wrong")
    assert (await second_step(await first_step(account), new[0])).status_code == 200


@pytest.mark.parametrize("way", ["app", "recovery"])
async def test_the_factor_is_taken_away_by_who_shows_who_they_are(client, enrolled, account, sql, letters, way) -> None:
    proof = {
        "app": {"code": enrolled.code()},
        "recovery": {"code": enrolled.recovery[0]},
    }
    answer = await enrolled.ask("DELETE", "/users/me/mfa/totp", proof[way])

    assert answer.status_code == 204, answer.text
    assert "access_token" in await client.login(account)
    assert (await enrolled.ask("GET", "/users/me/mfa")).json()["enabled"] is False
    for table in ("totp_factors", "recovery_codes", "mfa_challenges"):
        assert await sql.rows(f"SELECT 1 FROM identity.{table} WHERE user_id = %s", account.user_id) == []
    assert "mfa.disabled" in [each["action"] for each in await sql.audited(f"user/{account.user_id}")]
    assert "해제" in (await letters(account.email))[-1].subject


async def test_and_by_nobody_else(client, enrolled, account, problem) -> None:
    ask = enrolled.ask
    for method, path in (("DELETE", "totp"), ("POST", "recovery-codes")):
        by_password = await ask(method, f"/users/me/mfa/{path}", {"password": account.password})
        problem(by_password, 422, "validation_failed")
    problem(await ask("DELETE", "/users/me/mfa/totp", {"code": enrolled.wrong()}), 403, "mfa_code_wrong")
    body = {"code": "7K3M-Q0XZ-9AVT-2HND"}
    problem(await ask("POST", "/users/me/mfa/recovery-codes", body), 403, "mfa_code_wrong")

    assert (await client.post("/auth/login", account.login)).json()["mfa_required"] is True


async def test_a_stolen_session_cannot_guess_codes(enrolled, problem) -> None:
    for _ in range(MOST_TRIES):
        problem(await enrolled.ask("DELETE", "/users/me/mfa/totp", {"code": enrolled.wrong()}), 403, "mfa_code_wrong")
    problem(await enrolled.ask("DELETE", "/users/me/mfa/totp", {"code": enrolled.code()}), 429, "too_many_tries")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "totp"), ("POST", "recovery-codes")])
async def test_there_is_nothing_to_take_away_or_renew(account, asker, problem, method, path) -> None:
    ask = await asker(account)
    problem(await ask(method, f"/users/me/mfa/{path}", {"code": "123456"}), 409, "mfa_not_enabled")


async def test_a_supervisor_resets_it(client, enrolled, account, letters) -> None:
    user_id = UUID(account.user_id)
    async with client.wired.database.transaction() as session:
        assert await client.wired.factors.reset(session, user_id)
        assert not await client.wired.factors.reset(session, user_id)

    assert "access_token" in await client.login(account)
    assert "해제" in (await letters(account.email))[-1].subject


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"password": "correct-horse-battery", "code": "123456"},
        {"password": "correct-horse-battery"},
        {"code": None},
        {"code": "12345"},
        {"code": "1" * 41},
        {"code": 123456},
        {"code": "123456", "force": True},
        [],
        "123456",
    ],
)
async def test_proofs_that_are_none(enrolled, problem, body) -> None:
    problem(await enrolled.ask("DELETE", "/users/me/mfa/totp", body), 422, "validation_failed")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"mfa_token": "x" * 43},
        {"code": "123456"},
        {"mfa_token": "x" * 19, "code": "123456"},
        {"mfa_token": "x" * 201, "code": "123456"},
        {"mfa_token": "x" * 43, "code": "1" * 1_000},
        {"mfa_token": None, "code": None},
        {"mfa_token": "x" * 43, "code": "123456", "user_id": "x"},
    ],
)
async def test_second_steps_that_are_none(client, problem, body) -> None:
    problem(await client.post("/auth/login/mfa", body), 422, "validation_failed")


@pytest.mark.parametrize("token", ["x" * 43, "가" * 43, "' OR 1=1 --" * 3, "\x00" * 20])
async def test_first_steps_that_nobody_has_made(client, problem, token) -> None:
    answer = await client.post("/auth/login/mfa", {"mfa_token": token, "code": "123456"})

    problem(answer, 401, "mfa_token_invalid")


@pytest.mark.parametrize("code", ["１２３４５６", "٠١٢٣٤٥", "      ", "------", "ABCDEF", "\x00" * 6, "1e5000"])
async def test_hostile_codes(enrolled, first_step, second_step, account, problem, code) -> None:
    problem(await second_step(await first_step(account), code), 401, "mfa_code_wrong")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/me/mfa"),
        ("POST", "/users/me/mfa/totp"),
        ("POST", "/users/me/mfa/totp/confirm"),
        ("DELETE", "/users/me/mfa/totp"),
        ("POST", "/users/me/mfa/recovery-codes"),
    ],
)
async def test_without_a_token(client, problem, method, path) -> None:
    problem(await client.http.request(method, path, json={"code": "123456"}), 401, "token_missing")

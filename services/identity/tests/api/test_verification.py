"""Letters that show that an address is somebody's: at sign-up, again, and for a new one."""

import asyncio
import re

import pytest

from contracts.identity import UserChanged, UserRegistered

ANSWER = {"accepted": True}


@pytest.fixture
def late(sql):
    """Moves the time of a user's tokens on."""

    async def move(account, by: str) -> None:
        query = "UPDATE identity.account_tokens SET expires_at = expires_at - %s::interval WHERE user_id = %s"
        await sql.rows(query, by, account.user_id)

    return move


@pytest.fixture
async def tokens(client, account):
    return await client.login(account)


async def me(client, tokens) -> dict:
    return (await client.with_token("GET", "/users/me", tokens["access_token"])).json()


async def test_a_letter_verifies_the_address_once(client, account, letters, sql, problem, tokens) -> None:
    (letter,) = await letters(account.email)
    assert letter.link == f"https://growfit.example/verify-email#token={letter.token}"
    assert letter.text.count(letter.token) == 2
    assert len(letter.token) == 43
    assert not (await me(client, tokens))["email_verified"]

    answer = await client.post("/auth/verify-email", {"token": letter.token})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await me(client, tokens))["email_verified"]
    problem(await client.post("/auth/verify-email", {"token": letter.token}), 422, "link_invalid")
    registered, changed = await sql.events(account.user_id)
    assert isinstance(registered, UserRegistered)
    assert isinstance(changed, UserChanged)
    assert (registered.email_verified, changed.email_verified) == (False, True)
    assert (changed.version, changed.token_epoch, changed.status) == (2, 0, "active")
    assert "user.email_verified" in [entry["action"] for entry in await sql.audited(f"user/{account.user_id}")]


@pytest.mark.parametrize(("locale", "word"), [("ko", "확인하세요"), ("en", "Verify")])
async def test_the_letter_is_in_the_users_language(client, stranger, letters, locale, word) -> None:
    account = stranger()
    await client.post("/auth/sign-up", account.form | {"locale": locale})

    (letter,) = await letters(account.email)
    assert word in letter.subject
    assert bool(re.search("[가-힣]", letter.text)) == (locale == "ko")


async def test_the_letter_does_not_carry_what_a_stranger_chose(client, stranger, letters) -> None:
    account = stranger()
    await client.post("/auth/sign-up", account.form | {"display_name": "Win a prize at evil.example"})

    (letter,) = await letters(account.email)
    assert "evil" not in letter.subject + letter.text


async def test_only_the_sha256_of_a_token_is_kept(account, letters, sql) -> None:
    (letter,) = await letters(account.email)
    (row,) = await sql.rows("SELECT * FROM identity.account_tokens WHERE user_id = %s", account.user_id)

    assert len(row["digest"]) == 32
    assert letter.token not in str(row)


async def test_a_letter_too_late(client, account, letters, late, problem) -> None:
    (letter,) = await letters(account.email)
    await late(account, "23 hours 59 minutes")
    assert (await client.post("/auth/verify-email", {"token": letter.token})).status_code == 204

    other = await client.sign_up()
    (letter,) = await letters(other.email)
    await late(other, "24 hours")
    problem(await client.post("/auth/verify-email", {"token": letter.token}), 422, "link_invalid")


async def test_of_many_at_once_one_is_taken(client, account, letters, sql) -> None:
    (letter,) = await letters(account.email)
    answers = await asyncio.gather(*(client.post("/auth/verify-email", {"token": letter.token}) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [204, *[422] * 7]
    assert len(await sql.events(account.user_id)) == 2


@pytest.mark.parametrize("token", ["", "x" * 19, "x" * 201, None, 7, ["x" * 30]])
async def test_tokens_that_are_none(client, problem, token) -> None:
    problem(await client.post("/auth/verify-email", {"token": token}), 422, "validation_failed")


@pytest.mark.parametrize("token", ["x" * 43, "가" * 43, "' OR 1=1; --" * 3, "nul\x00" * 10])
@pytest.mark.parametrize("path", ["/auth/verify-email", "/auth/password-reset/confirm"])
async def test_tokens_that_nobody_got(client, problem, token, path) -> None:
    body = {"token": token} | ({"password": "another-password"} if "reset" in path else {})
    problem(await client.post(path, body), 422, "link_invalid")


async def test_another_letter_voids_the_older_one(client, account, letters, problem) -> None:
    answer = await client.post("/auth/verify-email/resend", {"email": account.email.upper()})

    assert (answer.status_code, answer.json()) == (202, ANSWER)
    first, second = await letters(account.email)
    problem(await client.post("/auth/verify-email", {"token": first.token}), 422, "link_invalid")
    assert (await client.post("/auth/verify-email", {"token": second.token})).status_code == 204


async def test_asking_again_tells_nothing_and_writes_to_nobody_else(client, account, stranger, letters, sql) -> None:
    (letter,) = await letters(account.email)
    await client.post("/auth/verify-email", {"token": letter.token})
    gone = await client.sign_up()
    await letters(gone.email)
    await sql.rows("""UPDATE "user".app_user SET status = 'suspended' WHERE user_id = %s""", gone.user_id)

    for email in (account.email, stranger().email, gone.email):
        answer = await client.post("/auth/verify-email/resend", {"email": email})
        assert (answer.status_code, answer.json()) == (202, ANSWER)
        assert len(await letters(email)) == (0 if email not in (account.email, gone.email) else 1)


async def test_an_address_gets_few_letters_however_often_somebody_asks(client, account, letters) -> None:
    for _ in range(6):
        assert (await client.post("/auth/verify-email/resend", {"email": account.email})).status_code == 202

    found = await letters(account.email)
    assert len(found) == 1 + 3
    assert (await client.post("/auth/verify-email", {"token": found[-1].token})).status_code == 204


@pytest.mark.parametrize("path", ["/auth/verify-email/resend", "/auth/password-reset"])
async def test_one_host_cannot_go_on_asking(client, network, stranger, problem, path) -> None:
    here = client.at(network())
    answers = [await here.post(path, {"email": stranger().email}) for _ in range(101)]

    assert {answer.status_code for answer in answers[:100]} == {202}
    problem(answers[100], 429, "too_many_tries")
    assert 0 < int(answers[100].headers["retry-after"]) <= 900
    assert (await client.at(network(1)).post(path, {"email": stranger().email})).status_code == 202


async def test_where_it_is_required_the_right_password_alone_is_told_so(
    client, account, letters, setting, problem
) -> None:
    async with setting("security.email_verification_required", True):
        body = problem(await client.post("/auth/login", account.login), 403, "email_unverified")
        assert "편지" in body["detail"]
        wrong = account.login | {"password": "another-password"}
        problem(await client.post("/auth/login", wrong), 401, "login_refused")

        (letter,) = await letters(account.email)
        await client.post("/auth/verify-email", {"token": letter.token})
        assert (await client.post("/auth/login", account.login)).status_code == 200


async def test_that_refusal_is_no_wrong_try(client, account, network, setting, sql) -> None:
    here = client.at(network())
    async with setting("security.email_verification_required", True):
        answers = [await here.post("/auth/login", account.login) for _ in range(12)]
    assert {answer.status_code for answer in answers} == {403}
    entries = [entry for entry in await sql.audited(ip=network()) if entry["action"] == "user.login_failed"]
    assert {(entry["outcome"], entry["detail"]["reason"]) for entry in entries} == {("refused", "email_unverified")}


# --- another address


async def change(client, tokens, email: str, password: str = "correct-horse-battery"):
    body = {"email": email, "password": password}
    return await client.with_token("POST", "/users/me/email", tokens["access_token"], body)


async def test_a_new_address_counts_once_its_letter_is_read(client, account, stranger, letters, sql, tokens) -> None:
    new = stranger().email
    answer = await change(client, tokens, new.upper())
    assert (answer.status_code, answer.json()) == (202, ANSWER)
    assert (await me(client, tokens))["email"] == account.email

    *_, notice = await letters(account.email)
    assert "바꾸려는 요청" in notice.subject
    assert new not in notice.text
    (letter,) = await letters(new)
    assert (await client.post("/auth/verify-email", {"token": letter.token})).status_code == 204
    mine = await me(client, tokens)
    assert (mine["email"], mine["email_verified"]) == (new, True)
    assert (await client.post("/auth/login", account.login)).status_code == 401
    assert (await client.post("/auth/login", account.login | {"email": new})).status_code == 200
    changed = (await sql.events(account.user_id))[-1]
    assert (changed.email, changed.token_epoch) == (new, 0)
    assert "user.email_changed" in [entry["action"] for entry in await sql.audited(f"user/{account.user_id}")]


async def test_links_to_the_old_address_are_void_then(client, account, stranger, letters, tokens, problem) -> None:
    new = stranger().email
    await client.post("/auth/password-reset", {"email": account.email})
    await change(client, tokens, new)
    verify, reset, _ = await letters(account.email)
    (letter,) = await letters(new)
    await client.post("/auth/verify-email", {"token": letter.token})

    problem(await client.post("/auth/verify-email", {"token": verify.token}), 422, "link_invalid")
    body = {"token": reset.token, "password": "another-password"}
    problem(await client.post("/auth/password-reset/confirm", body), 422, "link_invalid")


async def test_an_address_that_is_taken_is_told_to_nobody_but_its_owner(client, account, letters, sql, tokens) -> None:
    other = await client.sign_up()
    answer = await change(client, tokens, other.email)

    assert (answer.status_code, answer.json()) == (202, ANSWER)
    told = (await letters(other.email))[-1]
    assert "이미 계정" in told.subject
    assert "https://" not in told.text
    query = "SELECT purpose FROM identity.account_tokens WHERE user_id = %s"
    assert await sql.rows(query, account.user_id) == [{"purpose": "verify_email"}]


async def test_an_address_that_somebody_took_meanwhile(client, stranger, letters, tokens, problem) -> None:
    other = stranger()
    await change(client, tokens, other.email)
    (letter,) = await letters(other.email)
    await client.post("/auth/sign-up", other.form)

    problem(await client.post("/auth/verify-email", {"token": letter.token}), 409, "email_taken")


async def test_a_new_password_undoes_a_change_that_waits(client, account, stranger, letters, tokens, problem) -> None:
    """Whoever had the account for a while must not take it along."""
    thief = stranger().email
    await change(client, tokens, thief)
    (letter,) = await letters(thief)
    await client.post("/auth/password-reset", {"email": account.email})
    reset = (await letters(account.email))[-1]
    body = {"token": reset.token, "password": "another-password"}
    assert (await client.post("/auth/password-reset/confirm", body)).status_code == 204

    problem(await client.post("/auth/verify-email", {"token": letter.token}), 422, "link_invalid")


async def test_what_a_change_of_address_refuses(client, account, stranger, tokens, letters, problem) -> None:
    new = stranger().email
    problem(await change(client, tokens, new, "another-password"), 403, "password_wrong")
    problem(await change(client, tokens, account.email), 409, "email_unchanged")
    problem(await change(client, tokens, "no-address"), 422, "validation_failed")
    body = {"email": new, "password": account.password, "user_id": "x"}
    answer = await client.with_token("POST", "/users/me/email", tokens["access_token"], body)
    problem(answer, 422, "validation_failed")
    assert await letters(new) == []


async def test_a_user_cannot_write_to_everybody(client, stranger, tokens, problem) -> None:
    answers = [await change(client, tokens, stranger().email) for _ in range(6)]

    assert {answer.status_code for answer in answers[:5]} == {202}
    problem(answers[5], 429, "too_many_tries")

"""No password, hash or token ever reaches a log, whatever goes wrong."""

import logging

import pytest


@pytest.fixture
def logged(caplog):
    """Everything that any logger says, with its traceback, as the log files would hold it."""
    caplog.set_level(logging.DEBUG)

    def text() -> str:
        formatter = logging.Formatter("%(name)s %(message)s")
        return "\n".join(formatter.format(record) for record in caplog.records)

    return text


async def test_a_whole_session_leaves_no_secret_in_the_logs(client, sql, logged) -> None:
    account = await client.sign_up()
    tokens = await client.login(account)
    await client.post("/auth/login", account.login | {"password": "wrong-password-typed"})
    await client.post("/auth/sign-up", account.form | {"password": "short-one"})
    successor = (await client.refresh(tokens["refresh_token"])).json()
    await client.with_token("GET", "/users/me", tokens["access_token"])
    await client.with_token("POST", "/auth/logout", successor["access_token"])
    (row,) = await sql.rows("SELECT password_hash FROM identity.credentials WHERE user_id = %s", account.user_id)

    secrets = [account.password, "wrong-password-typed", "short-one", row["password_hash"], "$argon2"]
    secrets += [each[name] for each in (tokens, successor) for name in ("access_token", "refresh_token")]
    assert [secret for secret in secrets if secret in logged()] == []


async def test_no_letters_token_is_in_the_logs_or_readable_in_the_database(
    client, sql, logged, supervisor, letters
) -> None:
    account, by = await client.sign_up(), await client.login(supervisor)
    await client.post("/auth/password-reset", {"email": account.email})
    invited = f"invited-{account.email}"
    await client.with_token("POST", "/users/invitations", by["access_token"], {"email": invited})
    waiting = str(await sql.rows("SELECT sealed FROM identity.mails"))
    tokens = [letter.token for address in (account.email, invited) for letter in await letters(address)]
    for token in tokens:
        await client.post("/auth/verify-email", {"token": token})
        await client.post("/auth/password-reset/confirm", {"token": token, "password": "another-password"})

    assert len(tokens) == 3
    stored = waiting + str(await sql.rows("SELECT payload FROM identity.outbox"))
    assert [token for token in tokens if token in logged() + stored] == []
    assert account.email not in waiting
    assert "another-password" not in logged() + stored


async def test_a_database_that_refuses_a_write_does_not_log_what_was_written(client, sql, stranger, logged) -> None:
    """SQLAlchemy's own text of an error ends with the statement's parameters."""
    account = stranger()
    await sql.rows("REVOKE INSERT ON identity.credentials FROM identity")
    try:
        answer = await client.post("/auth/sign-up", account.form)
    finally:
        await sql.rows("GRANT INSERT ON identity.credentials TO identity")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "credentials" in logged()
    assert [secret for secret in (account.password, "$argon2") if secret in logged() + answer.text] == []
    assert await sql.rows('SELECT 1 FROM "user".app_user WHERE email = %s', account.email) == []

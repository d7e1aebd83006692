"""`python -m identity.cli`, as an operator runs it."""

import asyncio
import os
import sys
from datetime import timedelta
from functools import partial

import pytest
from typer.testing import CliRunner

from contracts.identity import Tier
from identity.cli import cli


@pytest.fixture
def environment(settings):
    """As it is when the command begins; with `password` None, there is none in it."""

    def make(password: str | None) -> dict[str, str | None]:
        return {
            "APP_ENV": "test",
            "DATABASE_URL": settings.database_url,
            "NATS_URL": settings.nats_url,
            "NATS_NKEY_SEED": settings.nats_nkey_seed,
            "JWKS_URL": settings.jwks_url,
            "KEY_ENCRYPTION_KEY": settings.key_encryption_key.get_secret_value(),
            "GROWFIT_PASSWORD": password,
        }

    return make


@pytest.fixture
def run(environment):
    """Exit code, output and errors of a command. In this process: a new one takes seconds to begin."""

    async def command(*words: str, password: str | None = "correct-horse-battery", stdin: str = "") -> tuple:
        invoke = partial(CliRunner().invoke, cli, words, input=stdin, env=environment(password))
        done = await asyncio.to_thread(invoke)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return command


@pytest.fixture
def run_alone(environment):
    """The same in a process of its own."""

    async def command(*words: str, password: str) -> tuple:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "identity.cli", *words),
            env=inherited | environment(password),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return command


async def test_a_supervisor_is_made_can_log_in_and_is_announced(client, sql, run_alone, stranger) -> None:
    account, words = stranger(), ("--display-name", "운영자")
    code, out, err = await run_alone("create-supervisor", account.email.upper(), *words, password=account.password)

    assert (code, err) == (0, "")
    assert "is a supervisor" in out
    tokens = await client.login(account)
    me = (await client.with_token("GET", "/users/me", tokens["access_token"])).json()
    assert (me["tier"], me["display_name"], me["email"]) == ("supervisor", "운영자", account.email)
    (event,) = await sql.events(me["user_id"])
    assert event.tier is Tier.SUPERVISOR


async def test_what_the_command_refuses(sql, run, account, stranger) -> None:
    """The account exists, the password is too short, the address is none: nothing is made, the exit code says so."""
    email = stranger().email
    answers = [
        await run("create-supervisor", account.email),
        await run("create-supervisor", account.email, "--locale", "en"),
        await run("create-supervisor", email, password="too-short"),
        await run("create-supervisor", email, password="aaaaaaaaaaaa"),
        await run("create-supervisor", "not-an-address"),
    ]

    assert [code for code, _, _ in answers] == [1] * 5
    said = [err for _, _, err in answers]
    assert "이미 가입된" in said[0]
    assert "has an account already" in said[1]
    assert said[2].startswith("password:")
    assert said[4].startswith("email:")
    assert not any("too-short" in text or "Traceback" in text for text in said)
    assert await sql.rows('SELECT 1 FROM "user".app_user WHERE email = %s', email) == []
    (row,) = await sql.rows('SELECT tier FROM "user".app_user WHERE user_id = %s', account.user_id)
    assert row == {"tier": "user"}


async def test_there_is_no_default_password(run, stranger) -> None:
    code, out, _ = await run("create-supervisor", stranger().email, password=None, stdin="")

    assert code != 0
    assert "is a supervisor" not in out


async def test_somebody_becomes_a_supervisor_and_is_none_again(client, sql, run, account, supervisor, problem) -> None:
    before = await client.login(account)
    code, out, err = await run("grant-supervisor", account.email.upper(), password=None)
    assert (code, err) == (0, "")
    assert "is a supervisor" in out
    problem(await client.with_token("GET", "/users/me", before["access_token"]), 401, "session_ended")
    problem(await client.refresh(before["refresh_token"]), 401, "refresh_refused")
    tokens = await client.login(account)
    assert (await client.with_token("GET", "/users/me", tokens["access_token"])).json()["tier"] == "supervisor"
    assert (await run("grant-supervisor", account.email, password=None))[0] == 0

    code, out, err = await run("revoke-supervisor", account.email, password=None)
    assert (code, err) == (0, "")
    problem(await client.with_token("GET", "/users/me", tokens["access_token"]), 401, "session_ended")
    _, *events = await sql.events(account.user_id)
    assert [type(event).__name__ for event in events] == ["SessionRevoked", "UserChanged"] * 2
    assert [(event.tier, event.token_epoch) for event in events[1::2]] == [(Tier.SUPERVISOR, 1), (Tier.USER, 2)]
    actions = [entry["action"] for entry in await sql.audited(f"user/{account.user_id}")]
    assert [action for action in actions if "supervisor" in action] == ["supervisor.granted", "supervisor.revoked"]


async def test_who_cannot_become_a_supervisor(sql, run, account, stranger) -> None:
    await sql.rows("""UPDATE "user".app_user SET status = 'suspended' WHERE user_id = %s""", account.user_id)
    for email in (account.email, stranger().email, "not-an-address"):
        code, out, err = await run("grant-supervisor", email, password=None)
        assert (code, out) == (1, "")
        assert "No account that may log in" in err
    assert len(await sql.events(account.user_id)) == 1


async def test_a_suspended_supervisor_loses_the_tier_too(sql, run, supervisor) -> None:
    query = """UPDATE "user".app_user SET status = 'suspended' WHERE user_id = %s"""
    await sql.rows(query, supervisor.user_id)
    code, _, err = await run("revoke-supervisor", supervisor.email, password=None)

    assert (code, err) == (0, "")
    (row,) = await sql.rows('SELECT tier, status FROM "user".app_user WHERE user_id = %s', supervisor.user_id)
    assert row == {"tier": "user", "status": "suspended"}


async def test_the_last_supervisor_stays_one(sql, run, supervisor) -> None:
    query = """UPDATE "user".app_user SET tier = 'user' WHERE tier = 'supervisor' AND user_id <> %s"""
    await sql.rows(query, supervisor.user_id)
    code, out, err = await run("revoke-supervisor", supervisor.email, password=None)

    assert (code, out) == (1, "")
    assert "last supervisor" in err
    (row,) = await sql.rows('SELECT tier FROM "user".app_user WHERE user_id = %s', supervisor.user_id)
    assert row == {"tier": "supervisor"}


async def test_keys_are_rotated(client, account, sql, run) -> None:
    before = await client.login(account)
    code, out, err = await run("rotate-keys", password=None)

    assert (code, err) == (0, "")
    query = "SELECT kid, active_from > now() AS waits, retired_at - now() AS rest FROM identity.signing_keys"
    old, new = sorted(await sql.rows(query), key=lambda row: row["waits"])
    assert f"key {new['kid']} signs from" in out
    assert (old["waits"], new["waits"], new["rest"]) == (False, True, None)
    # Longer than the longest token that may be set, however long they are at present.
    assert timedelta(minutes=60) < old["rest"] < timedelta(minutes=70)
    assert (await client.with_token("GET", "/users/me", before["access_token"])).status_code == 200


async def test_without_a_database_it_says_so(run, settings, monkeypatch) -> None:
    monkeypatch.setattr(settings, "database_url", "postgresql+psycopg://identity@127.0.0.1:1/none")
    code, out, err = await run("rotate-keys", password=None)

    assert (code, out) == (1, "")
    assert "Traceback" not in err

"""What is long over goes, live and recent rows stay, and so does reuse detection."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest

from identity.factory import wire
from identity.service import tidy
from identity.service.sessions import GRACE
from identity.service.tidy import RETENTION
from identity.worker import create_worker

DAY = timedelta(days=1)


@pytest.fixture
async def wired(settings):
    wired = wire(settings)
    yield wired
    await wired.database.close()


def session_id(tokens: dict[str, Any]) -> str:
    found: str = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    return found


@pytest.fixture
def old(client, account, sql):
    """A session with three tokens whose time `column` is that long ago."""

    async def make(column: str, ago: timedelta) -> dict[str, Any]:
        tokens = await client.login(account)
        for _ in range(2):
            tokens = (await client.refresh(tokens["refresh_token"])).json()
        await sql.rows(
            f"UPDATE identity.sessions SET {column} = now() - %s WHERE session_id = %s", ago, session_id(tokens)
        )
        return tokens

    return make


@pytest.fixture
def left(sql):
    """How many rows there are of a session: itself, and its tokens."""

    async def count(tokens: dict[str, Any]) -> tuple[int, int]:
        query = """SELECT (SELECT count(*) FROM identity.sessions WHERE session_id = %s) AS sessions,
            (SELECT count(*) FROM identity.refresh_tokens WHERE session_id = %s) AS tokens"""
        (row,) = await sql.rows(query, session_id(tokens), session_id(tokens))
        return row["sessions"], row["tokens"]

    return count


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_what_is_long_over_goes_and_what_is_not_stays(wired, client, account, old, left, column) -> None:
    live = await client.login(account)
    over, recent = await old(column, RETENTION + DAY), await old(column, RETENTION - DAY)
    await wired.tidy.run()

    assert [await left(each) for each in (over, recent, live)] == [(0, 0), (1, 3), (1, 1)]
    assert (await client.refresh(live["refresh_token"])).status_code == 200


async def test_a_token_of_a_forgotten_session_is_refused_like_any_other(wired, client, old, problem) -> None:
    over = await old("expires_at", RETENTION + DAY)
    await wired.tidy.run()

    problem(await client.refresh(over["refresh_token"]), 401, "refresh_refused")


async def test_a_reused_token_of_a_live_session_still_ends_it(wired, client, account, sql, problem) -> None:
    """However long ago it was used: tokens go with their session, never before."""
    first = await client.login(account)
    second = (await client.refresh(first["refresh_token"])).json()
    by = RETENTION + GRACE + DAY
    query = (
        "UPDATE identity.refresh_tokens SET created_at = created_at - %s, used_at = used_at - %s WHERE session_id = %s"
    )
    await sql.rows(query, by, by, session_id(first))
    await wired.tidy.run()

    problem(await client.refresh(first["refresh_token"]), 401, "refresh_refused")
    problem(await client.refresh(second["refresh_token"]), 401, "refresh_refused")
    query = "SELECT revoked_reason FROM identity.sessions WHERE session_id = %s"
    assert await sql.rows(query, session_id(first)) == [{"revoked_reason": "refresh token reused"}]


async def test_more_than_one_batch_goes_and_two_replicas_do_not_mind_each_other(wired, old, left, monkeypatch) -> None:
    monkeypatch.setattr(tidy, "BATCH", 2)
    over = [await old("revoked_at", RETENTION + DAY) for _ in range(5)]
    await asyncio.gather(wired.tidy.run(), wired.tidy.run())
    await wired.tidy.run()

    assert [await left(each) for each in over] == [(0, 0)] * 5


@pytest.fixture
def kept(sql):
    """Which of these rows are still there, by the first column."""

    async def keys(table: str, column: str) -> list:
        return [row[column] for row in await sql.rows(f"SELECT {column} FROM identity.{table} ORDER BY {column}")]

    return keys


async def test_tokens_go_when_nobody_can_use_them_any_more(wired, sql, account, kept) -> None:
    query = """INSERT INTO identity.account_tokens (user_id, purpose, digest, email, expires_at, used_at) VALUES
        (%(user)s, 'reset_password', '\\x02', 'a@example.com', now() - interval '1 second', NULL),
        (%(user)s, 'change_email', '\\x03', 'a@example.com', now() + interval '1 day', now())"""
    await sql.rows(query.replace("%(user)s", f"'{account.user_id}'"))
    await wired.tidy.run()

    query = "SELECT purpose FROM identity.account_tokens WHERE user_id = %s"
    assert await sql.rows(query, account.user_id) == [{"purpose": "verify_email"}]


async def test_invitations_go_a_month_after_their_time(wired, sql, account, kept) -> None:
    query = """INSERT INTO identity.sign_up_invitations (invitation_id, email, digest, invited_by, expires_at)
        SELECT gen_random_uuid(), days || '@example.com', sha256(days::text::bytea), %s, now() - days * interval '1 day'
        FROM unnest(ARRAY[-1, 29, 31]) days"""
    await sql.rows(query, account.user_id)
    await wired.tidy.run()

    assert await kept("sign_up_invitations", "email") == ["-1@example.com", "29@example.com"]


async def test_counts_of_tries_go_with_their_window(wired, sql, kept) -> None:
    await sql.rows("DELETE FROM identity.attempts")
    query = """INSERT INTO identity.attempts (key, minute, tries)
        SELECT decode(lpad(ago::text, 2, '0'), 'hex'), floor(extract(epoch FROM now()) / 60) - ago, 1
        FROM unnest(ARRAY[0, 13, 16]) ago"""
    await sql.rows(query)
    await wired.tidy.run()

    assert await kept("attempts", "key") == [b"\x00", b"\x13"]


async def test_the_worker_does_it(settings, old, left) -> None:
    over = await old("expires_at", RETENTION + DAY)
    worker = create_worker(settings)
    await worker.start()
    deadline = time.monotonic() + 20
    while await left(over) != (0, 0) and time.monotonic() < deadline:  # noqa: ASYNC110  the change is in the database
        await asyncio.sleep(0.05)
    await worker.stop()

    assert await left(over) == (0, 0)

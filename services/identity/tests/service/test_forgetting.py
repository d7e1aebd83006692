"""Sessions and refresh tokens that are long over go; live and recent ones stay, and so does reuse detection."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest

from identity.factory import wire
from identity.service import sessions
from identity.service.sessions import GRACE, RETENTION
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
    await wired.sessions.forget_old()

    assert [await left(each) for each in (over, recent, live)] == [(0, 0), (1, 3), (1, 1)]
    assert (await client.refresh(live["refresh_token"])).status_code == 200


async def test_a_token_of_a_forgotten_session_is_refused_like_any_other(wired, client, old, problem) -> None:
    over = await old("expires_at", RETENTION + DAY)
    await wired.sessions.forget_old()

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
    await wired.sessions.forget_old()

    problem(await client.refresh(first["refresh_token"]), 401, "refresh_refused")
    problem(await client.refresh(second["refresh_token"]), 401, "refresh_refused")
    query = "SELECT revoked_reason FROM identity.sessions WHERE session_id = %s"
    assert await sql.rows(query, session_id(first)) == [{"revoked_reason": "refresh token reused"}]


async def test_more_than_one_batch_goes_and_two_replicas_do_not_mind_each_other(wired, old, left, monkeypatch) -> None:
    monkeypatch.setattr(sessions, "FORGET_BATCH", 2)
    over = [await old("revoked_at", RETENTION + DAY) for _ in range(5)]
    await asyncio.gather(wired.sessions.forget_old(), wired.sessions.forget_old())
    await wired.sessions.forget_old()

    assert [await left(each) for each in over] == [(0, 0)] * 5


async def test_the_worker_does_it(settings, old, left) -> None:
    over = await old("expires_at", RETENTION + DAY)
    worker = create_worker(settings)
    await worker.start()
    deadline = time.monotonic() + 20
    while await left(over) != (0, 0) and time.monotonic() < deadline:  # noqa: ASYNC110  the change is in the database
        await asyncio.sleep(0.05)
    await worker.stop()

    assert await left(over) == (0, 0)

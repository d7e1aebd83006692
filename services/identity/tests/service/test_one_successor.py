"""However many refresh one token at once, there is one successor, and nobody is logged out for it."""

import asyncio

import pytest

from identity.crud import users
from identity.factory import wire

TOKENS, AT_ONCE = 100, 50


@pytest.fixture
async def wired(settings):
    wired = wire(settings)
    yield wired
    await wired.database.close()


async def test_fifty_refreshes_of_each_of_a_hundred_tokens(wired, client, account, sql) -> None:
    first = await client.login(account)
    opened = [first["refresh_token"]]
    async with wired.database.transaction() as session:
        user = await users.get_by_email(session, account.email)
    while len(opened) < TOKENS:
        opened.append((await wired.sessions.open(user, user_agent="")).refresh_token)

    for token in opened:
        pairs = await asyncio.gather(*(wired.sessions.refresh(token) for _ in range(AT_ONCE)))
        assert len({pair.refresh_token for pair in pairs}) == 1
        assert len({pair.access_token for pair in pairs}) == AT_ONCE

    query = """SELECT count(*) AS tokens, count(used_at) AS used FROM identity.refresh_tokens
        JOIN identity.sessions USING (session_id) WHERE user_id = %s AND revoked_at IS NULL GROUP BY session_id"""
    assert await sql.rows(query, account.user_id) == [{"tokens": 2, "used": 1}] * TOKENS

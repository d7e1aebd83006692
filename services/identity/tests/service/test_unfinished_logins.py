"""Logins that nobody ended are forgotten; those that still can be, and keys that are shown in a list, stay."""

import pytest

from identity.service import tidy


@pytest.fixture
async def waiting(client, sql, account):
    """Logins whose time is over, and as many whose time is not."""

    async def make(old: int, live: int) -> None:
        for seconds, count in ((-1, old), (60, live)):
            rest = f"now() + interval '{seconds} seconds' FROM generate_series(1, {count})"
            await sql.rows(
                "INSERT INTO identity.mfa_challenges (token_hash, user_id, token_epoch, expires_at) "
                f"SELECT sha256(gen_random_uuid()::text::bytea), %s, 0, {rest}",
                account.user_id,
            )
            await sql.rows(
                "INSERT INTO identity.oidc_logins (state_hash, provider, login_hash, sealed, redirect_uri, expires_at) "
                f"SELECT sha256(gen_random_uuid()::text::bytea), 'one', '', '', '', {rest}"
            )

    return make


async def test_they_go_when_their_time_is_over(client, sql, waiting, monkeypatch) -> None:
    monkeypatch.setattr(tidy, "BATCH", 3)
    await waiting(7, 2)
    await client.wired.tidy.run()

    for table in ("mfa_challenges", "oidc_logins"):
        assert await sql.rows(f"SELECT count(*) AS left FROM identity.{table}") == [{"left": 2}]

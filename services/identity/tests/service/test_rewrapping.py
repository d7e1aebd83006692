"""Changing the key-encryption key: the old one can go, and nobody is logged out or loses their app."""

import base64
import secrets
from uuid import UUID

import pyotp
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from chassis.sealing import Rewrapped, SealBroken
from identity import cli
from identity.factory import wire
from identity.ports import Challenge


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
async def with_keys(settings):
    made = []

    def make(keys: str):
        made.append(wire(settings.model_copy(update={"key_encryption_key": SecretStr(keys)})))
        return made[-1]

    yield make
    for wired in made:
        await wired.database.close()


@pytest.fixture
async def apps(client, asker, sql):
    """Three accounts and their apps. Afterwards all secrets are sealed as they were: `client` knows no other key."""
    await sql.rows("DELETE FROM identity.totp_factors")
    found = []
    for _ in range(3):
        account = await client.sign_up()
        ask = await asker(account)
        app = pyotp.TOTP((await ask("POST", "/users/me/mfa/totp", {"password": account.password})).json()["secret"])
        assert (await ask("POST", "/users/me/mfa/totp/confirm", {"code": app.now()})).status_code == 200
        found.append((account, app))
    await sql.rows("UPDATE identity.totp_factors SET last_step = last_step - 100")
    keys = await sql.rows("SELECT kid, sealed FROM identity.signing_keys")
    yield found
    for key in keys:
        await sql.rows("UPDATE identity.signing_keys SET sealed = %s WHERE kid = %s", key["sealed"], key["kid"])


@pytest.fixture
def old(settings) -> str:
    return settings.key_encryption_key.get_secret_value()


async def log_in(wired, account, app):
    challenge = await wired.sessions.login(email=account.email, password=account.password, user_agent="")
    assert isinstance(challenge, Challenge)
    return await wired.second_step.login(mfa_token=challenge.token, code=app.now(), user_agent="")


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
async def test_the_old_key_can_go_and_nobody_notices(client, apps, old, with_keys, sql, batch) -> None:
    before = await client.wired.sessions.login(
        email=(await client.sign_up()).email, password=apps[0][0].password, user_agent=""
    )
    new = new_key()
    both = with_keys(f"{new},{old}")

    assert await both.rewrapping.rewrap(batch=batch) == Rewrapped(rewrapped=4)
    assert await both.rewrapping.rewrap(batch=batch) == Rewrapped(current=4)

    alone = with_keys(new)
    for account, app in apps:
        assert (await log_in(alone, account, app)).access_token
    await alone.access.verifier.verify(before.access_token)
    entries = [entry for entry in await sql.audited() if entry["action"] == "secrets.rewrapped"]
    assert sum(entry["detail"]["rewrapped"] for entry in entries) % 4 == 0


async def test_what_no_key_opens_is_told_and_left_as_it_is(apps, old, with_keys, sql) -> None:
    (account, _), *_ = apps
    query = "SELECT sealed FROM identity.totp_factors WHERE user_id = %s"
    await sql.rows("UPDATE identity.totp_factors SET sealed = %s WHERE user_id = %s", b"\x01" * 90, account.user_id)
    keys = f"{new_key()},{old}"

    assert await with_keys(keys).rewrapping.rewrap() == Rewrapped(rewrapped=3, broken=1)

    (row,) = await sql.rows(query, UUID(account.user_id))
    assert bytes(row["sealed"]) == b"\x01" * 90


async def test_without_it_the_old_key_is_needed(apps, with_keys) -> None:
    account, app = apps[0]
    with pytest.raises(SealBroken):
        await log_in(with_keys(new_key()), account, app)


def test_the_command_says_what_it_did(apps, old, settings, monkeypatch) -> None:
    keys = SecretStr(f"{new_key()},{old}")
    monkeypatch.setattr(cli, "Settings", lambda: settings.model_copy(update={"key_encryption_key": keys}))
    said = [CliRunner().invoke(cli.cli, ["rewrap-secrets"]).output for _ in range(2)]

    assert said == ["4 sealed anew, 0 were current\n", "0 sealed anew, 4 were current\n"]

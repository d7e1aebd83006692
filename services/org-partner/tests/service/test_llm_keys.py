"""Changing the key-encryption key: everything is sealed anew, nothing is lost, and a repetition does the rest."""

import base64
import secrets

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from chassis.sealing import Rewrapped, Sealer
from org_partner import cli
from org_partner.adapters.resolver_table import TableResolver
from org_partner.factory import wire
from org_partner.service.llm_levels import AtOrg
from org_partner.service.llm_settings import Wanted


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def with_keys(settings, keys: str):
    resolver = TableResolver({"api.example.com": [["93.184.215.14"]]})
    return wire(settings.model_copy(update={"key_encryption_key": SecretStr(keys)}), resolver=resolver)


@pytest.fixture
async def kept(settings, world, sql):
    """Five orgs' keys, sealed with the key that the settings name."""
    await sql.rows("UPDATE partner.llm_settings SET sealed_key = NULL, key_set_at = NULL")
    old = settings.key_encryption_key.get_secret_value()
    wired = with_keys(settings, old)
    for number in range(5):
        school = await world.school()
        form = Wanted("openai", "https://api.example.com/v1", None, [], {}, SecretStr(f"sk-{number}"), keeps_key=False)
        await wired.llm_settings.save(school.admin.caller, AtOrg(school.org.org_id), form)
    await wired.database.close()
    return old


async def opened(sql, keys: str) -> list[str]:
    sealer = Sealer(keys)
    query = "SELECT org_id, settings_id, sealed_key FROM partner.llm_settings WHERE sealed_key IS NOT NULL"
    return sorted(
        sealer.open(row["sealed_key"], bound_to=f"llm_settings:{row['org_id']}:{row['settings_id']}:api_key")
        for row in await sql.rows(query)
    )


ALL = [f"sk-{number}" for number in range(5)]


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
async def test_every_key_is_sealed_anew_and_opens_with_the_new_one_alone(settings, sql, kept, batch) -> None:
    new = new_key()
    wired = with_keys(settings, f"{new},{kept}")
    before = await sql.rows("SELECT settings_id, version, updated_at, key_set_at FROM partner.llm_settings ORDER BY 1")

    assert await wired.llm_keys.rewrap(batch=batch) == Rewrapped(rewrapped=5)
    assert await wired.llm_keys.rewrap(batch=batch) == Rewrapped(current=5)

    assert await opened(sql, new) == ALL
    after = await sql.rows("SELECT settings_id, version, updated_at, key_set_at FROM partner.llm_settings ORDER BY 1")
    assert after == before
    await wired.database.close()


async def test_what_was_done_before_a_stop_stays_done_and_the_rest_follows(settings, sql, kept, monkeypatch) -> None:
    new = new_key()
    wired = with_keys(settings, f"{new},{kept}")
    service = wired.llm_keys
    original, calls = service._rewrap_batch, []

    async def stopping(*arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append(arguments)
        return await original(*arguments)

    monkeypatch.setattr(service, "_rewrap_batch", stopping)
    with pytest.raises(KeyboardInterrupt):
        await service.rewrap(batch=2)
    monkeypatch.undo()

    assert await opened(sql, f"{new},{kept}") == ALL
    assert await service.rewrap(batch=2) == Rewrapped(rewrapped=3, current=2)
    assert await opened(sql, new) == ALL
    await wired.database.close()


async def test_a_key_that_no_key_opens_is_counted_and_left(settings, sql, kept) -> None:
    new = new_key()
    wired = with_keys(settings, new)

    assert await wired.llm_keys.rewrap() == Rewrapped(broken=5)

    assert await opened(sql, kept) == ALL
    await wired.database.close()


async def test_a_key_that_is_set_meanwhile_is_not_overwritten_with_the_older_one(settings, world, sql, kept) -> None:
    new = new_key()
    wired = with_keys(settings, f"{new},{kept}")
    query = "SELECT org_id, settings_id FROM partner.llm_settings WHERE sealed_key IS NOT NULL ORDER BY 2 LIMIT 1"
    (row,) = await sql.rows(query)
    supervisor = await world.supervisor()
    form = Wanted("openai", "https://api.example.com/v1", None, [], {}, SecretStr("sk-new"), keeps_key=False)

    await wired.llm_settings.save(supervisor.caller, AtOrg(row["org_id"]), form)
    assert await wired.llm_keys.rewrap() == Rewrapped(rewrapped=4, current=1)

    assert "sk-new" in await opened(sql, new)
    await wired.database.close()


def test_the_command_says_what_it_did(settings, kept, monkeypatch) -> None:
    for name, value in settings.model_dump().items():
        monkeypatch.setenv(name.upper(), str(value))
    run = CliRunner().invoke

    for keys, code, told in (
        (f"{new_key()},{kept}", 0, "5 sealed anew, 0 were current"),
        (kept, 1, "5 do not open"),
    ):
        monkeypatch.setenv("KEY_ENCRYPTION_KEY", keys)
        done = run(cli.cli, ["rewrap-keys"])
        assert (done.exit_code, told in done.output) == (code, True), done.output

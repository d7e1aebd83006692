"""Signing keys in the database: made once, sealed, found again by every process."""

import asyncio
import base64

import jwt
import pytest

from chassis.sealing import SealBroken, Sealer
from identity.factory import wire


@pytest.fixture
async def processes(settings):
    """Four processes of the service."""
    wired = [wire(settings) for _ in range(4)]
    yield wired
    for each in wired:
        await each.database.close()


@pytest.fixture
async def no_keys(sql) -> None:
    await sql.rows("DELETE FROM identity.signing_keys")


async def test_processes_that_start_together_share_one_key(no_keys, processes, sql) -> None:
    published = await asyncio.gather(*(each.keys.jwks() for each in processes))

    assert all(each == published[0] for each in published)
    assert len(published[0]["keys"]) == len(await sql.rows("SELECT 1 FROM identity.signing_keys")) == 1


async def test_a_process_that_comes_later_signs_with_the_same_key(processes) -> None:
    first, second, *_ = processes
    assert await first.keys.jwks() == await second.keys.jwks()


async def test_the_private_half_is_sealed_in_the_database(no_keys, processes, sql, settings) -> None:
    await processes[0].keys.jwks()
    (row,) = await sql.rows("SELECT kid, sealed, public_jwk FROM identity.signing_keys")

    sealer = Sealer(settings.key_encryption_key.get_secret_value())
    private = sealer.open(row["sealed"], bound_to=f"signing_key:{row['kid']}")
    assert len(base64.b64decode(private)) == 32
    assert private.encode() not in row["sealed"]
    assert base64.b64decode(private) not in row["sealed"]
    assert set(row["public_jwk"]) == {"kty", "crv", "x", "kid", "use", "alg"}


async def test_a_key_that_somebody_moved_to_another_row_signs_nothing(no_keys, processes, sql) -> None:
    wired = processes[0]
    account = await wired.accounts.sign_up(
        email="moved@example.com", password="correct-horse-battery", display_name="김", locale="ko"
    )
    await wired.keys.jwks()
    await sql.rows("UPDATE identity.signing_keys SET kid = 'another'")
    with pytest.raises(SealBroken):
        await processes[1].sessions.login(email=account.email, password="correct-horse-battery", user_agent="")


async def test_a_key_is_published_until_it_retires_and_no_longer(no_keys, processes, sql) -> None:
    (old,) = (await processes[0].keys.jwks())["keys"]
    await processes[0].keys.rotate()
    assert old["kid"] in {key["kid"] for key in (await processes[1].keys.jwks())["keys"]}
    assert await processes[1].keys.key(old["kid"]) is not None
    assert await processes[1].keys.key("nobody's") is None

    await sql.rows("UPDATE identity.signing_keys SET retired_at = now() WHERE kid = %s", old["kid"])
    assert old["kid"] not in {key["kid"] for key in (await processes[2].keys.jwks())["keys"]}
    assert await processes[2].keys.key(old["kid"]) is None


async def test_when_every_key_has_retired_a_new_one_signs_at_once(no_keys, processes, sql) -> None:
    """What an operator does with a key that leaked: `UPDATE … SET retired_at = now()`."""
    await processes[0].keys.jwks()
    await sql.rows("UPDATE identity.signing_keys SET retired_at = now()")

    account = await processes[1].accounts.sign_up(
        email="retired@example.com", password="correct-horse-battery", display_name="김", locale="ko"
    )
    pair = await processes[1].sessions.login(email=account.email, password="correct-horse-battery", user_agent="")
    (key,) = (await processes[1].keys.jwks())["keys"]
    assert jwt.get_unverified_header(pair.access_token)["kid"] == key["kid"]


async def test_an_outdated_hash_is_renewed_at_the_next_login(processes, sql) -> None:
    from argon2 import PasswordHasher  # noqa: PLC0415

    wired = processes[0]
    account = await wired.accounts.sign_up(
        email="old@example.com", password="correct-horse-battery", display_name="김", locale="ko"
    )
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct-horse-battery")
    await sql.rows("UPDATE identity.credentials SET password_hash = %s WHERE user_id = %s", weak, account.user_id)
    await wired.sessions.login(email=account.email, password="correct-horse-battery", user_agent="")

    query = "SELECT password_hash FROM identity.credentials WHERE user_id = %s"
    (row,) = await sql.rows(query, account.user_id)
    assert "m=19456,t=2,p=1" in row["password_hash"]

"""Passwords, refresh secrets, and keys that are sealed at rest."""

import asyncio
import base64
import secrets
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from argon2 import PasswordHasher

from chassis.errors import Unavailable
from chassis.sealing import SealBroken
from identity.adapters import passwords_argon2
from identity.adapters.passwords_argon2 import Argon2Passwords
from identity.adapters.refresh_hmac import HmacRefreshSecrets
from identity.adapters.signer_jwt import JwtSigner
from identity.ports import Claims
from identity.service.attempts import Attempts

MINUTE = timedelta(minutes=1)


def random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def signer() -> JwtSigner:
    return JwtSigner(key_encryption_key=random_key(), issuer="growfit")


@pytest.fixture
def claims() -> Claims:
    return Claims(uuid4(), "user", uuid4(), 3)


def test_a_new_key_signs_what_its_public_half_verifies(signer, claims) -> None:
    key = signer.new_key()
    token = signer.sign(claims, key=key, lifetime=MINUTE)
    read = jwt.decode(token, signer.public_key(key.public_jwk), algorithms=["EdDSA"], audience="growfit")

    assert (read["sub"], read["sid"], read["epoch"]) == (str(claims.user_id), str(claims.session_id), 3)
    assert "d" not in key.public_jwk


def test_a_sealed_key_under_another_kid_does_not_open(signer, claims) -> None:
    one, other = signer.new_key(), signer.new_key()
    with pytest.raises(SealBroken):
        signer.sign(claims, key=replace(one, kid=other.kid), lifetime=MINUTE)


def test_a_sealed_key_does_not_open_with_another_encryption_key_or_changed(signer, claims) -> None:
    key = signer.new_key()
    with pytest.raises(SealBroken):
        JwtSigner(key_encryption_key=random_key(), issuer="growfit").sign(claims, key=key, lifetime=MINUTE)
    for at in (0, 11, 12, len(key.sealed) - 1):
        changed = bytearray(key.sealed)
        changed[at] ^= 1
        with pytest.raises(SealBroken):
            signer.sign(claims, key=replace(key, sealed=bytes(changed)), lifetime=MINUTE)


def test_after_a_rotation_old_keys_open_and_new_ones_take_the_new_one(claims) -> None:
    old, new = random_key(), random_key()
    before = JwtSigner(key_encryption_key=old, issuer="growfit")
    both = JwtSigner(key_encryption_key=f"{new}, {old}", issuer="growfit")
    key = before.new_key()

    assert both.sign(claims, key=key, lifetime=MINUTE)
    after = JwtSigner(key_encryption_key=new, issuer="growfit")
    assert after.sign(claims, key=both.new_key(), lifetime=MINUTE)
    with pytest.raises(SealBroken):
        after.sign(claims, key=key, lifetime=MINUTE)


def test_of_several_keys_the_first_makes_the_chain_and_the_counters() -> None:
    old, new = random_key(), random_key()
    both, alone = (HmacRefreshSecrets(key_encryption_key=each) for each in (f"{new}, {old}", new))
    token = both.first()

    assert both.successor(token) == alone.successor(token)
    counters = [Attempts(key_encryption_key=each).key("login", "a") for each in (f"{new}, {old}", new, old)]
    assert counters[0] == counters[1] != counters[2]


def test_keys_are_new_each_time(signer) -> None:
    keys = [signer.new_key() for _ in range(5)]

    assert len({key.kid for key in keys}) == len({key.sealed for key in keys}) == 5


@pytest.mark.parametrize(
    "key",
    [
        "",
        "short",
        f"{base64.b64encode(bytes(32)).decode()},short",
        base64.b64encode(b"x" * 31).decode(),
        base64.b64encode(b"x" * 33).decode(),
    ],
)
def test_an_encryption_key_of_the_wrong_size_is_refused_at_start(key) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        JwtSigner(key_encryption_key=key, issuer="growfit")


def test_refresh_tokens_chain_and_need_the_key() -> None:
    key = random_key()
    one, same, other = (HmacRefreshSecrets(key_encryption_key=each) for each in (key, key, random_key()))
    first = one.first()

    assert one.successor(first) == same.successor(first) != other.successor(first)
    assert len({first, one.successor(first), one.successor(one.successor(first)), one.first()}) == 4
    assert len(one.digest(first)) == 32
    assert one.digest(first) == other.digest(first) != one.digest(one.successor(first))
    assert len(base64.urlsafe_b64decode(first + "=")) == 32


async def test_passwords() -> None:
    passwords = Argon2Passwords()
    hashed = await passwords.hash("correct-horse-battery")

    assert hashed != await passwords.hash("correct-horse-battery")
    assert "m=19456,t=2,p=1" in hashed
    assert await passwords.verify("correct-horse-battery", hashed)
    assert not await passwords.verify("correct-horse-batter", hashed)
    assert not await passwords.verify("not a password of anybody", None)
    assert not await passwords.verify("correct-horse-battery", "no hash at all")


async def test_a_hash_of_an_older_cost_is_outdated() -> None:
    passwords = Argon2Passwords()
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct-horse-battery")

    assert passwords.is_outdated(weak)
    assert not passwords.is_outdated(await passwords.hash("correct-horse-battery"))
    assert await passwords.verify("correct-horse-battery", weak)


async def test_hashing_leaves_the_event_loop_free_and_a_flood_is_turned_away(monkeypatch) -> None:
    monkeypatch.setattr(passwords_argon2, "_MAX_WAITING", 4)
    passwords = Argon2Passwords()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    answers = await asyncio.gather(*(passwords.hash("x" * 20) for _ in range(8)), return_exceptions=True)
    turning.cancel()

    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert (len(refused), refused[0].code) == (4, "too_many_logins")
    assert refused[0].headers["Retry-After"]
    assert turns > 50
    assert await passwords.hash("afterwards it works")

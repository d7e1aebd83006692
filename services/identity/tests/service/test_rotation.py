"""Signing keys are rotated while tokens are in use, against chassis's own verifiers: no valid token is refused."""

import asyncio
import time
from collections import deque
from datetime import timedelta
from itertools import cycle
from types import SimpleNamespace
from uuid import uuid4

import httpx
import jwt
import pytest

from chassis import auth
from chassis.auth import RemoteKeys, Verifier
from chassis.errors import Unauthenticated
from identity.factory import wire
from identity.main import create_app
from identity.ports import Claims
from identity.service import keys
from identity.service.keys import Timing

LIFETIME = timedelta(minutes=10)
TICK = 7
MINUTE = 60


class Clock:
    """Moves time on for the caches of both sides, and for the keys in the database. Tokens are not told."""

    def __init__(self, sql) -> None:
        self.seconds = 0.0
        self._sql = sql

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds

    async def move(self, seconds: float) -> None:
        self.seconds += seconds
        by = timedelta(seconds=seconds)
        query = """UPDATE identity.signing_keys SET created_at = created_at - %s, active_from = active_from - %s,
            retired_at = retired_at - %s"""
        await self._sql.rows(query, by, by, by)


class Service:
    """Two processes that sign and publish, two verifiers that ask them in turn, and the tokens still valid."""

    def __init__(self, clock: Clock, apps: list, issuer: str) -> None:
        self.clock = clock
        self.lifetime = LIFETIME
        self._turn = cycle(apps)
        self._verifiers = [Verifier(RemoteKeys("http://identity/.well-known/jwks.json"), issuer=issuer) for _ in apps]
        self._tokens: deque[tuple[float, str]] = deque()

    async def run(self, seconds: int) -> None:
        """A token every few seconds; the newest, the oldest and one of each key are verified everywhere."""
        valid = (self.lifetime + timedelta(seconds=auth.LEEWAY_SECONDS)).total_seconds()
        for _ in range(0, seconds, TICK):
            await self.clock.move(TICK)
            claims = Claims(uuid4(), "user", uuid4(), 0)
            token = await next(self._turn).state.wired.keys.sign(claims, lifetime=self.lifetime)
            self._tokens.append((self.clock.seconds, token))
            while self.clock.seconds - self._tokens[0][0] > valid:
                self._tokens.popleft()
            one_of_each = {kid(token): token for _, token in self._tokens}
            for verifier in self._verifiers:
                for token in (self._tokens[0][1], *one_of_each.values(), self._tokens[-1][1]):
                    await verifier.verify(token)

    @property
    def newest(self) -> str:
        return kid(self._tokens[-1][1])

    async def rotate(self) -> keys.Rotation:
        return await next(self._turn).state.wired.keys.rotate()

    async def rotate_when_older(self, age: timedelta) -> keys.Rotation | None:
        return await next(self._turn).state.wired.keys.rotate_when_older(age)

    async def published(self) -> set[str]:
        return {key["kid"] for key in (await next(self._turn).state.wired.keys.jwks())["keys"]}


def kid(token: str) -> str:
    found: str = jwt.get_unverified_header(token)["kid"]
    return found


@pytest.fixture
async def service(settings, sql, monkeypatch):
    await sql.rows("DELETE FROM identity.signing_keys")
    clock = Clock(sql)
    apps = [create_app(settings) for _ in range(2)]
    for app in apps:
        app.state.wired.keys._timing = Timing(token_lifetime=LIFETIME)
    turn = cycle(apps)

    def client(**options) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(next(turn)), **options)

    monkeypatch.setattr(auth, "httpx", SimpleNamespace(AsyncClient=client, HTTPError=httpx.HTTPError))
    for module in (auth, keys):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock.monotonic))
    yield Service(clock, apps, settings.jwt_issuer)
    for app in apps:
        await app.state.wired.database.close()


async def test_no_valid_token_is_refused_while_keys_are_rotated(service) -> None:
    await service.run(7 * MINUTE)
    old = service.newest
    made = await service.rotate()
    await service.run(4 * MINUTE)
    assert service.newest == old
    assert await service.published() == {old, made.kid}

    await service.run(3 * MINUTE)
    assert service.newest == made.kid
    await service.run(12 * MINUTE)
    assert service.newest == made.kid
    assert await service.published() == {made.kid}


async def test_nor_when_somebody_rotates_twice(service) -> None:
    await service.run(MINUTE)
    old = service.newest
    made = [await service.rotate()]
    await service.run(2 * MINUTE)
    made.append(await service.rotate())
    await service.run(4 * MINUTE)
    assert service.newest == made[0].kid
    assert await service.published() == {old, made[0].kid, made[1].kid}

    await service.run(20 * MINUTE)
    assert service.newest == made[1].kid
    assert await service.published() == {made[1].kid}


async def test_a_token_of_a_key_that_signed_too_soon_is_refused(service, monkeypatch) -> None:
    """What the lead is for, and that the tests above would see it missing."""
    monkeypatch.setattr(Timing, "lead", timedelta(0))
    await service.run(MINUTE)
    await service.rotate()

    with pytest.raises(Unauthenticated):
        await service.run(7 * MINUTE)


async def test_the_first_key_signs_at_once_whoever_makes_it(settings, sql) -> None:
    await sql.rows("DELETE FROM identity.signing_keys")
    wired = wire(settings)
    made = await wired.keys.rotate()

    token = await wired.keys.sign(Claims(uuid4(), "user", uuid4(), 0), lifetime=timedelta(minutes=10))
    assert kid(token) == made.kid
    await wired.database.close()


async def test_operators_who_rotate_at_once_leave_one_key_that_stays(service, sql) -> None:
    await service.run(MINUTE)
    await asyncio.gather(*(service.rotate() for _ in range(4)))

    rows = await sql.rows("SELECT retired_at FROM identity.signing_keys")
    assert sorted(row["retired_at"] is None for row in rows) == [False] * 4 + [True]

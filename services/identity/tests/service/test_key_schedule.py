"""Signing keys are replaced when they get old, by one replica, and no valid token is refused meanwhile."""

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from chassis import auth
from chassis.auth import RemoteKeys, Verifier
from identity import worker
from identity.factory import wire
from identity.main import create_app
from identity.ports import Claims
from identity.service.keys import Timing

DAYS = timedelta(days=90)
# Short, so that two rotations take seconds; in the proportions of the real ones.
SHORT = Timing(
    cache=timedelta(seconds=0.2),
    verifiers_cache=timedelta(seconds=0.5),
    token_lifetime=timedelta(seconds=2),
    # Tokens tell their times in whole seconds.
    leeway=timedelta(seconds=2),
)


@pytest.fixture
async def processes(settings, sql):
    await sql.rows("DELETE FROM identity.signing_keys")
    wired = [wire(settings) for _ in range(4)]
    yield wired
    for each in wired:
        await each.database.close()


@pytest.fixture
def older(sql):
    async def move(by: timedelta) -> None:
        await sql.rows("UPDATE identity.signing_keys SET active_from = active_from - %s", by)

    return move


async def kids(sql) -> list[str]:
    return [row["kid"] for row in await sql.rows("SELECT kid FROM identity.signing_keys ORDER BY created_at")]


async def test_a_key_that_is_old_gets_a_successor(processes, sql, older) -> None:
    keys = processes[0].keys
    assert await keys.rotate_when_older(DAYS) is None, "there is none yet"
    (old,) = [key["kid"] for key in (await keys.jwks())["keys"]]
    await older(DAYS - timedelta(minutes=1))
    assert await keys.rotate_when_older(DAYS) is None
    await older(timedelta(minutes=2))
    made = await keys.rotate_when_older(DAYS)

    assert await kids(sql) == [old, made.kid]
    assert await keys.rotate_when_older(DAYS) is None, "the new one waits for its time to sign"
    (entry,) = await sql.audited(f"signing_key/{made.kid}")
    assert (entry["action"], entry.get("actor_id")) == ("signing_key.rotated", None)


async def test_of_many_replicas_one_rotates(processes, sql, older) -> None:
    await processes[0].keys.jwks()
    await older(DAYS + timedelta(days=1))
    made = await asyncio.gather(*(each.keys.rotate_when_older(DAYS) for each in processes for _ in range(3)))

    assert len([each for each in made if each]) == 1
    assert len(await kids(sql)) == 2


async def test_an_operators_rotation_is_the_schedules_too(processes, sql, older) -> None:
    await processes[0].keys.jwks()
    await older(DAYS + timedelta(days=1))
    await processes[0].keys.rotate()

    assert await processes[1].keys.rotate_when_older(DAYS) is None


async def test_keys_that_were_all_retired_are_left_to_the_next_login(processes, sql, older) -> None:
    """After a leak. The schedule must not count on a key that nobody may use."""
    await processes[0].keys.jwks()
    await older(DAYS + timedelta(days=1))
    await sql.rows("UPDATE identity.signing_keys SET retired_at = now()")

    assert await processes[1].keys.rotate_when_older(DAYS) is None


async def test_the_worker_does_it_by_the_platforms_setting(settings, sql, processes, older, client, setting) -> None:
    await processes[0].keys.jwks()
    await older(timedelta(days=31))
    beside = worker.create_worker(settings, registry=CollectorRegistry())
    (loop,) = [each for each in beside._background if "_rotate_keys" in each.__code__.co_names]

    async def rounds() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop(), 1)

    async with setting("security.signing_key_days", 90):
        await rounds()
        assert len(await kids(sql)) == 1
    async with setting("security.signing_key_days", 30):
        beside_guard = loop.__closure__[0].cell_contents.access.platform
        beside_guard._read_at = float("-inf")
        await rounds()
        assert len(await kids(sql)) == 2
    await beside.database.close()


@asynccontextmanager
async def serving(app):
    """A real server on a free port, in this event loop."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        task = asyncio.create_task(server._serve([listening]))
        while not server.started:  # noqa: ASYNC110  it has no event to wait for
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await task


async def test_two_rotations_under_load_refuse_no_valid_token(settings, sql, monkeypatch) -> None:
    """Tokens are signed all the time by two processes, and verified until their end by who asks a third."""
    await sql.rows("DELETE FROM identity.signing_keys")
    monkeypatch.setattr(auth, "_CACHE_SECONDS", SHORT.verifiers_cache.total_seconds())
    monkeypatch.setattr(auth, "LEEWAY_SECONDS", SHORT.leeway.total_seconds())
    # Never again for an unknown key: only the lead must do.
    monkeypatch.setattr(auth, "_REFETCH_SECONDS", SHORT.verifiers_cache.total_seconds())
    app = create_app(settings)
    signers = [wire(settings) for _ in range(2)]
    for each in (app.state.wired, *signers):
        each.keys._timing = SHORT
    seen: set[str] = set()
    verified = 0
    stop = asyncio.Event()

    async def sign_and_verify(keys, url: str) -> None:
        nonlocal verified
        verifier = Verifier(RemoteKeys(f"{url}/.well-known/jwks.json"), issuer=settings.jwt_issuer)
        live: list[tuple[float, str]] = []
        while not stop.is_set():
            token = await keys.sign(Claims(uuid4(), "user", uuid4(), 0), lifetime=SHORT.token_lifetime)
            seen.add(jwt.get_unverified_header(token)["kid"])
            live.append((time.monotonic() + SHORT.token_lifetime.total_seconds(), token))
            live = [each for each in live if each[0] > time.monotonic()]
            for _, each in (live[0], live[-1]) if live else ():
                await verifier.verify(each)
                verified += 1
            await asyncio.sleep(0.02)

    async with serving(app) as url:
        work = [asyncio.create_task(sign_and_verify(each.keys, url)) for each in signers]
        made = []
        for _ in range(2):
            await asyncio.sleep(0.5)
            made.append(await signers[0].keys.rotate())
            while made[-1].kid not in seen:
                await asyncio.sleep(0.05)
                assert not any(task.done() for task in work), [task.exception() for task in work if task.done()]
        # The older key's retirement, and then until nobody goes on with a list that was read before it.
        await asyncio.sleep((SHORT.overlap + SHORT.cache).total_seconds())
        stop.set()
        # Whatever was refused is raised here.
        await asyncio.gather(*work)
        left = {key["kid"] for key in (await app.state.wired.keys.jwks())["keys"]}
    for each in signers:
        await each.database.close()

    assert len(seen) == 3
    assert verified > 100
    assert left == {made[-1].kid}

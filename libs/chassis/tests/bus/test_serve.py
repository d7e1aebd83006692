"""The process: its doors answer while it works, SIGTERM lets the running work finish, a stuck one ends itself."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from chassis.health import EXIT_LOOP_STUCK

# A service in one file: its handler takes a while and leaves one row.
WORKER = """
import asyncio
from sqlalchemy import text
from chassis.database import Database
from chassis.plumbing import plumbing_tables
from chassis.settings import ServiceSettings
from chassis.worker import Worker
from sqlalchemy import MetaData

def create_worker(*, registry):
    settings = ServiceSettings()
    database = Database(settings.database_url, plumbing_tables(MetaData(), schema="usage_metrics"))
    worker = Worker(service="usage_metrics", settings=settings, database=database, registry=registry)

    async def record_usage(event, delivery):
        print("began", delivery.attempt, flush=True)
        await asyncio.sleep(1.5)
        async with database.transaction(once=delivery) as session:
            row = {"consumer": delivery.consumer, "event_id": event.id}
            await session.execute(text("INSERT INTO usage_metrics.effects VALUES (:consumer, :event_id)"), row)

    worker.subscriber(record_usage)
    return worker
"""

STUCK = """
import asyncio, time
from chassis.health import Watchdog

async def main():
    watchdog = Watchdog(limit_seconds=0.6)
    watchdog.start()
    await asyncio.sleep(1.2)
    print("turned", flush=True)
    time.sleep(20)

asyncio.run(main())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve(tmp_path: Path, settings):
    """`with serve(port) as process`: the worker door of the small service above, as `make up` starts one."""
    package = tmp_path / "slow_service"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "worker.py").write_text(WORKER)
    variables = {name.upper(): str(value) for name, value in settings.model_dump().items()}

    @contextmanager
    def run(port: int) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "chassis.serve", "slow_service", "--doors", "worker", "--port", str(port)]
        environment = os.environ | variables | {"PYTHONPATH": str(tmp_path)}
        with (tmp_path / f"{port}.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    return run


@pytest.fixture
def doors(serve, tmp_path: Path, eventually):
    """A running process, seen from outside: what it answers and what it has logged."""

    class Doors:
        def __init__(self) -> None:
            self.port = free_port()

        def open(self):
            return serve(self.port)

        def log(self) -> str:
            return (tmp_path / f"{self.port}.log").read_text()

        async def says(self, word: str) -> bool:
            return word in await eventually(
                lambda: asyncio.to_thread(self.log), until=lambda text: word in text, within=20
            )

        async def status(self, path: str) -> int:
            async with httpx.AsyncClient(timeout=2) as client:
                return (await client.get(f"http://127.0.0.1:{self.port}{path}")).status_code

    return Doors


async def test_work_cut_off_by_a_kill_is_done_once_and_sigterm_cuts_nothing_off(
    doors, store, nats_bus, usage, eventually, tune
) -> None:
    await tune(ack_wait=2)
    first, second = doors(), doors()
    killed_at = await nats_bus.send(usage())
    with first.open() as process:
        assert await first.says("began 1"), first.log()
        assert [await first.status(path) for path in ("/health", "/metrics")] == [200, 200]
        process.kill()
    assert await store.effects() == []
    with second.open() as process:
        assert await eventually(store.effects, within=20) == [killed_at.id], second.log()
        assert "began 2" in second.log()
        assert await second.status("/ready") == 200
        ended_at = await nats_bus.send(usage())
        assert await second.says("began 1"), second.log()
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        await asyncio.to_thread(process.wait, 15)
        assert 0.5 < time.monotonic() - started < 12
        assert process.returncode in (0, -signal.SIGTERM), second.log()
    assert await store.effects() == [killed_at.id, ended_at.id]
    assert await nats_bus.waiting("INGEST", "usage_metrics-record_usage") == (0, 0), "acknowledged as well"
    assert "Traceback" not in second.log()


def test_a_process_whose_loop_is_stuck_ends_itself() -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", STUCK], check=False, timeout=30, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (EXIT_LOOP_STUCK, "turned\n"), "twice its limit passed while it turned"
    assert time.monotonic() - started < 15


def test_wrong_settings_are_named_without_a_traceback() -> None:
    command = [sys.executable, "-m", "chassis.serve", "usage_metrics", "--port", "0"]
    wrong = {**os.environ, "LOG_LEVEL": "nope", "NATS_URL": "nats://127.0.0.1:1", "NATS_NKEY_SEED": "x"}
    ended = subprocess.run(command, env=wrong, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert "usage_metrics does not start" in ended.stderr
    assert "LOG_LEVEL: Input should be 'DEBUG'" in ended.stderr
    assert "DATABASE_URL: Field required" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("peers", ["*", "gateway", "10.0.0.0/8,*", "10.0.0.1/8"])
def test_nobody_is_believed_by_name_or_all_at_once(peers) -> None:
    command = [sys.executable, "-m", "chassis.serve", "usage_metrics", "--port", "0"]
    environment = {**os.environ, "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1/nothing"}
    wrong = {"FORWARDED_ALLOW_IPS": peers, "NATS_URL": "nats://127.0.0.1:1", "NATS_NKEY_SEED": "x"}
    ended = subprocess.run(command, env=environment | wrong, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert "FORWARDED_ALLOW_IPS: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("peer", "said", "caller"),
    [
        # Whatever a client writes stands to the left of what the first proxy saw.
        ("10.9.0.2", "8.8.8.8, 203.0.113.7, 10.9.0.1", "203.0.113.7"),
        ("10.9.0.2", "203.0.113.7", "203.0.113.7"),
        ("203.0.113.9", "8.8.8.8", "203.0.113.9"),
    ],
)
async def test_a_caller_s_address_is_what_the_outermost_known_proxy_saw(settings, peer, said, caller) -> None:
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["client"][0])

    known = settings.model_validate(settings.model_dump() | {"forwarded_allow_ips": "127.0.0.1, 10.9.0.0/16,"})
    door = ProxyHeadersMiddleware(app, known.forwarded_allow_ips)
    await door({"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", said.encode())]}, None, None)

    assert seen == [caller]

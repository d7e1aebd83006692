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

from chassis.health import EXIT_LOOP_STUCK

# A service in one file: its handler takes two seconds and leaves one row.
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
        await asyncio.sleep(2)
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
    watchdog = Watchdog(limit_seconds=1)
    watchdog.start()
    await asyncio.sleep({free})
    time.sleep({stuck})
    watchdog.stop()

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


async def test_sigterm_lets_the_running_handler_finish(serve, store, nats_bus, usage, eventually, tmp_path) -> None:
    port = free_port()

    async def status(path: str) -> int:
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                return (await client.get(f"http://127.0.0.1:{port}{path}")).status_code
        except httpx.HTTPError:
            return 0

    async def log() -> str:
        return (tmp_path / f"{port}.log").read_text()

    with serve(port) as process:
        ready = await eventually(lambda: status("/ready"), until=lambda code: code == 200, within=20)
        assert ready == 200, await log()
        assert [await status(path) for path in ("/health", "/metrics")] == [200, 200]
        event = await nats_bus.send(usage())
        assert "began 1" in await eventually(log, until=lambda text: "began 1" in text)
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        await asyncio.to_thread(process.wait, 15)
        assert 1 < time.monotonic() - started < 12
        assert process.returncode in (0, -signal.SIGTERM), await log()
    assert await store.effects() == [event.id]
    assert await nats_bus.waiting("INGEST", "usage_metrics-record_usage") == (0, 0), "it was acknowledged as well"
    assert "began 2" not in await log()
    assert "Traceback" not in await log()


async def test_what_a_kill_cut_off_is_done_once_by_the_next_process(
    serve, store, nats_bus, usage, eventually, tmp_path, tune
) -> None:
    await tune(ack_wait=2)
    port = free_port()

    async def log() -> str:
        return (tmp_path / f"{port}.log").read_text()

    event = await nats_bus.send(usage())
    with serve(port) as process:
        assert "began 1" in await eventually(log, until=lambda text: "began 1" in text, within=20)
        process.kill()
    assert await store.effects() == []
    with serve(port):
        assert await eventually(store.effects, within=20) == [event.id]
        assert "began 2" in await log()


@pytest.mark.parametrize(("free", "stuck", "code"), [(0.1, 20, EXIT_LOOP_STUCK), (1.5, 0.1, 0)])
def test_a_process_whose_loop_is_stuck_ends_itself(free: float, stuck: float, code: int) -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", STUCK.format(free=free, stuck=stuck)], check=False, timeout=30)
    assert done.returncode == code
    assert time.monotonic() - started < 15

"""Liveness, readiness and the watchdog.

`/health` says that the event loop turns. `/ready` says what the door needs and lacks: 503 and the reasons.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[list[str]]]

EXIT_LOOP_STUCK = 71
CHECK_SECONDS = 5.0


def health_router(checks: list[Check], registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/health", responses={200: {"content": {"application/json": {"example": {"status": "ok"}}}}})
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/ready", include_in_schema=False)
    async def ready(response: Response) -> dict[str, Any]:
        problems = await readiness(checks)
        if problems:
            response.status_code = 503
        return {"status": "not_ready" if problems else "ready", "problems": problems}

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def readiness(checks: list[Check]) -> list[str]:
    """Every check's problems; a check that fails or hangs is a problem itself."""
    problems: list[str] = []
    for check in checks:
        try:
            problems += await asyncio.wait_for(check(), CHECK_SECONDS)
        except Exception as error:  # noqa: BLE001  the answer is the report
            problems.append(repr(error))
    return problems


class Watchdog:
    """A thread that ends the process when the event loop has not turned for too long.

    A stuck loop answers neither requests nor signals, so nothing inside it can help.
    """

    def __init__(self, *, limit_seconds: float = 30.0) -> None:
        self._limit = limit_seconds
        self._pause = limit_seconds / 30
        self._beat = time.monotonic()
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._pulse())
        threading.Thread(target=self._guard, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        if self._task:
            self._task.cancel()

    async def _pulse(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(self._pause)

    def _guard(self) -> None:
        while not self._stop.wait(self._pause):
            if time.monotonic() - self._beat > self._limit:
                log.critical("the event loop has not turned for %s s; leaving", self._limit)
                os._exit(EXIT_LOOP_STUCK)

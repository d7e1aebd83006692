import asyncio
import time

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from chassis import health
from chassis.health import health_router


async def _well() -> list[str]:
    return []


async def _lacking() -> list[str]:
    return ["the bus is not connected", "one durable is gone"]


async def _failing() -> list[str]:
    raise RuntimeError("unreachable")


async def _hanging() -> list[str]:
    await asyncio.sleep(3600)
    return []


def door(*checks) -> httpx.AsyncClient:
    app = FastAPI()
    registry = CollectorRegistry()
    Counter("growfit_things", "Things", registry=registry).inc()
    app.include_router(health_router(list(checks), registry))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door")


async def test_ready_when_nothing_is_lacking() -> None:
    async with door(_well, _well) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "problems": []})


async def test_not_ready_says_why() -> None:
    async with door(_lacking, _failing, _well) as client:
        answer = await client.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not_ready",
        "problems": ["the bus is not connected", "one durable is gone", "RuntimeError('unreachable')"],
    }


async def test_a_hanging_check_is_a_problem_and_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.2)
    started = time.monotonic()
    async with door(_hanging, _lacking, _hanging) as client:
        answer = await client.get("/ready")
    assert time.monotonic() - started < 2
    assert answer.status_code == 503
    hung, lacking = "TimeoutError()", await _lacking()
    assert answer.json()["problems"] == [hung, *lacking, hung]


async def test_alive_whatever_is_lacking() -> None:
    async with door(_failing, _hanging) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}


async def test_metrics_are_prometheus_text() -> None:
    async with door() as client:
        answer = await client.get("/metrics")
    assert "growfit_things_total 1.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


async def test_only_health_stands_in_the_published_interface() -> None:
    async with door() as client:
        assert set((await client.get("/openapi.json")).json()["paths"]) == {"/health"}

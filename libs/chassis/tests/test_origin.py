"""Where a request comes from is known to all that happens in it, and to nothing else."""

import asyncio
import contextvars
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from chassis import origin
from chassis.app import create_app
from chassis.origin import Origin


@pytest.fixture
def door(access_with):
    """`await door("10.0.0.1", headers)`: what the route knew of its request; each in a context of its own."""
    router = APIRouter()

    @router.get("/where")
    async def where() -> list[Any]:
        await asyncio.sleep(0.02)
        found = await asyncio.gather(_seen(), asyncio.create_task(_seen()))
        assert found[0] == found[1]
        return [found[0].ip, found[0].user_agent, found[0].request_id]

    app = create_app(
        service="t", title="t", routers=[router], access=access_with(), wired=None, registry=CollectorRegistry()
    )

    async def ask(ip: str, headers: dict[str, str]) -> list[Any]:
        transport = httpx.ASGITransport(app, client=(ip, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            found: list[Any] = (await client.get("/where", headers=headers)).json()
            return found

    async def alone(ip: str, headers: dict[str, str]) -> list[Any]:
        task: asyncio.Task[list[Any]] = asyncio.create_task(ask(ip, headers), context=contextvars.copy_context())
        return await task

    return alone


async def _seen() -> Origin:
    return origin.current()


async def test_address_browser_and_id(door) -> None:
    headers = {"User-Agent": "Firefox/150", "X-Request-Id": "request-0001"}
    assert await door("203.0.113.7", headers) == ["203.0.113.7", "Firefox/150", "request-0001"]


async def test_fifty_requests_at_once_are_told_apart(door) -> None:
    places = [(f"10.0.0.{n}", {"User-Agent": f"agent {n}", "X-Request-Id": f"request-{n:04}"}) for n in range(50)]
    found = await asyncio.gather(*(door(*place) for place in places))
    assert found == [[ip, headers["User-Agent"], headers["X-Request-Id"]] for ip, headers in places]


async def test_a_browser_says_at_most_so_much_of_itself(door) -> None:
    _, agent, request_id = await door("10.0.0.1", {"User-Agent": "u" * 5_000, "X-Request-Id": "no id!"})
    assert agent == "u" * 300
    assert len(request_id) == 32


async def test_outside_of_a_request_there_is_none() -> None:
    context = contextvars.Context()
    assert context.run(origin.current) == Origin(None, None, None)

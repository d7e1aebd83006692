"""Which pages may call the API from a browser: as the platform is set, and as it is changed meanwhile."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from chassis.app import create_app
from chassis.clock import now
from chassis.delivery import Delivery
from chassis.errors import DATABASE_UNAVAILABLE, Unavailable
from chassis.platform import Platform, ProjectedSource, follower
from contracts.envelope import wrap
from contracts.identity import PlatformSettingsChanged

APP, OTHER = "https://app.example", "https://evil.example"
REFRESH = 0.1


class Setting:
    """`api.cors_origins`, as it is set, and as the service's follower is told of it."""

    def __init__(self, store: Any) -> None:
        self._follow = follower(store.database, store.access.platform)
        self._version = 0

    async def __call__(self, *origins: str) -> None:
        self._version += 1
        fact = PlatformSettingsChanged(
            setting_id=uuid4(), name="api.cors_origins", value=list(origins), version=self._version, changed_at=now()
        )
        envelope = wrap(fact, event_id=uuid4(), time=now())
        await self._follow(envelope, Delivery("usage_metrics-follow_platform", envelope.id))


@pytest.fixture
def allow(store) -> Setting:
    return Setting(store)


@pytest.fixture
async def door(store, access_with) -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter()

    @router.get("/things")
    async def things() -> list[int]:
        return [1]

    @router.get("/lost")
    async def lost() -> None:
        raise Unavailable(DATABASE_UNAVAILABLE)

    platform = Platform(ProjectedSource(store.database, store.access.platform), refresh_seconds=REFRESH)
    access = access_with(platform=platform)
    app = create_app(service="t", title="t", routers=[router], access=access, wired=None, registry=CollectorRegistry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


async def preflight(door: httpx.AsyncClient, origin: str, method: str = "PUT") -> httpx.Response:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type"}
    return await door.options("/things", headers={"Origin": origin} | asked)


def allowed(answer: httpx.Response) -> str | None:
    return answer.headers.get("access-control-allow-origin")


async def test_where_nothing_is_set_no_page_may(door) -> None:
    assert allowed(await preflight(door, APP)) is None
    answer = await door.get("/things", headers={"Origin": APP})
    assert (answer.status_code, allowed(answer)) == (200, None)


async def test_an_allowed_page_may_and_another_may_not(door, allow) -> None:
    await allow(APP, "http://localhost:5173")
    for origin in (APP, "http://localhost:5173"):
        answer = await preflight(door, origin)
        assert (answer.status_code, allowed(answer)) == (200, origin)
        assert "PUT" in answer.headers["access-control-allow-methods"]
        assert {"authorization", "content-type"} <= {
            name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")
        }
        assert (await door.get("/things", headers={"Origin": origin})).headers["access-control-allow-origin"] == origin
    for origin in (OTHER, "null", f"{APP}.evil.example", f"{APP}:8443", APP.upper(), "http://app.example", f"{APP}/"):
        answer = await preflight(door, origin)
        assert (answer.status_code, allowed(answer)) == (400, None), origin
        assert allowed(await door.get("/things", headers={"Origin": origin})) is None


async def test_no_page_sends_cookies_and_caches_are_told(door, allow) -> None:
    await allow(APP)
    for answer in (await preflight(door, APP), await door.get("/things", headers={"Origin": APP})):
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]
        assert answer.headers["x-request-id"]
    exposed = (await door.get("/things", headers={"Origin": APP})).headers["access-control-expose-headers"]
    assert {"X-Request-Id", "Location", "Retry-After"} <= {name.strip() for name in exposed.split(",")}


async def test_an_allowed_page_can_read_an_error(door, allow) -> None:
    await allow(APP)
    answer = await door.get("/lost", headers={"Origin": APP})
    assert (answer.status_code, allowed(answer)) == (503, APP)


async def test_a_change_acts_without_a_restart(door, allow, eventually) -> None:
    await allow(APP)
    assert allowed(await preflight(door, APP)) == APP
    for origins in ((APP, OTHER), (OTHER,), (), (APP,)):
        await allow(*origins)
        began = time.monotonic()
        for origin in (APP, OTHER):
            wanted = origin if origin in origins else None
            seen = await eventually(
                lambda origin=origin: preflight(door, origin),
                until=lambda answer, wanted=wanted: allowed(answer) == wanted,
            )
            assert allowed(seen) == wanted
        assert time.monotonic() - began < REFRESH + 1


async def test_a_request_of_no_page_reads_no_setting(access_with) -> None:
    class Asked:
        count = 0

        async def value(self, name: str) -> Any:
            self.count += 1
            raise Unavailable(DATABASE_UNAVAILABLE)

    asked = Asked()
    app = create_app(
        service="t", title="t", routers=[], access=access_with(platform=asked), wired=None, registry=CollectorRegistry()
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as door:
        assert (await door.get("/health")).status_code == 200
        assert asked.count == 0
        answer = await door.get("/health", headers={"Origin": APP})
        assert (answer.status_code, allowed(answer), asked.count) == (200, None, 1), "the database may be away"

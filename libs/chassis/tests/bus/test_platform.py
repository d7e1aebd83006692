"""What identity publishes shuts and opens the doors of another service, by way of the bus."""

import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from chassis.app import create_app
from chassis.auth import Caller
from chassis.clock import now
from chassis.platform import Platform, ProjectedSource
from contracts.identity import PlatformSettingsChanged, SessionRevoked, UserChanged
from growfit_local.stand_ins import Signer


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
async def door(store, signer, access_with) -> AsyncIterator[httpx.AsyncClient]:
    """With the refresh as it is everywhere."""
    router = APIRouter()

    @router.get("/me")
    async def me(caller: Caller) -> UUID:
        return caller.user_id

    platform = Platform(ProjectedSource(store.database, store.access.platform))
    access = access_with(verifier=signer.verifier, platform=platform)
    app = create_app(service="t", title="t", routers=[router], access=access, wired=None, registry=CollectorRegistry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


async def test_a_suspended_user_is_out_within_ten_seconds(
    store, nats_bus, start_worker, door, signer, eventually
) -> None:
    await start_worker(follows=store.access.platform)
    user_id = uuid4()
    headers = {"Authorization": f"Bearer {signer.token(user_id)}"}
    other = {"Authorization": f"Bearer {signer.token(uuid4())}"}
    assert (await door.get("/me", headers=headers)).status_code == 200

    # As identity writes them for one suspension, and the bus brings them in the other order.
    facts = {"email": "a@b.example", "display_name": "김민지", "tier": "user", "locale": "ko", "version": 2}
    began = time.monotonic()
    await nats_bus.send(UserChanged(user_id=user_id, status="suspended", token_epoch=1, changed_at=now(), **facts))
    await nats_bus.send(SessionRevoked(user_id=user_id, token_epoch=1, revoked_at=now()))
    answer = await eventually(
        lambda: door.get("/me", headers=headers), until=lambda found: found.status_code != 200, within=12
    )
    assert time.monotonic() - began < 10
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
    assert (await door.get("/me", headers=other)).status_code == 200


async def test_a_setting_acts_within_ten_seconds(store, nats_bus, start_worker, door, eventually) -> None:
    await start_worker(follows=store.access.platform)
    page = {"Origin": "https://app.example"}
    assert "access-control-allow-origin" not in (await door.get("/health", headers=page)).headers
    fact = PlatformSettingsChanged(
        setting_id=uuid4(), name="api.cors_origins", value=["https://app.example"], version=1, changed_at=now()
    )
    await nats_bus.send(fact)
    answer = await eventually(
        lambda: door.get("/health", headers=page),
        until=lambda found: "access-control-allow-origin" in found.headers,
        within=10,
    )
    assert answer.headers["access-control-allow-origin"] == "https://app.example"

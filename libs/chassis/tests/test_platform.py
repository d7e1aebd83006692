"""What identity decided acts here: in any order of arrival, within one refresh, and without a restart."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select, update

from chassis import platform
from chassis.app import create_app
from chassis.auth import Caller, Principal
from chassis.clock import now
from chassis.delivery import AlreadyHandled, Delivery
from chassis.errors import DATABASE_UNAVAILABLE, Unauthenticated, Unavailable
from chassis.platform import Platform, ProjectedSource, Snapshot, follower
from contracts.envelope import wrap
from contracts.event import Event
from contracts.identity import PlatformSettingsChanged, SessionRevoked, UserChanged
from contracts.platform import LONGEST_ACCESS_MINUTES, SETTINGS
from growfit_local.stand_ins import Signer

USER, SESSION = uuid4(), uuid4()
SETTING = uuid4()
REFRESH = 0.2


def revoked(*, epoch: int, session_id: UUID | None = None) -> SessionRevoked:
    return SessionRevoked(user_id=USER, session_id=session_id, token_epoch=epoch, revoked_at=now())


def changed(*, epoch: int, status: str = "suspended") -> UserChanged:
    facts = {"email": "a@b.c", "display_name": "김민지", "tier": "user", "locale": "ko", "version": epoch + 1}
    return UserChanged(user_id=USER, status=status, token_epoch=epoch, changed_at=now(), **facts)


def setting(value: Any, version: int, name: str = "api.requests_per_minute") -> PlatformSettingsChanged:
    return PlatformSettingsChanged(setting_id=SETTING, name=name, value=value, version=version, changed_at=now())


def token(*, epoch: int = 0, session_id: UUID = SESSION, user_id: UUID = USER) -> Principal:
    return Principal(user_id, "user", session_id, epoch)


@pytest.fixture
def follow(store) -> Callable[..., Any]:
    handle = follower(store.database, store.access.platform)

    async def take(*facts: Event, event_id: UUID | None = None) -> None:
        for fact in facts:
            envelope = wrap(fact, event_id=event_id or uuid4(), time=now())
            await handle(envelope, Delivery("usage_metrics-follow_platform", envelope.id))

    return take


@pytest.fixture
def view(store) -> Callable[[], Platform]:
    """A process that has just started."""
    return lambda: Platform(ProjectedSource(store.database, store.access.platform))


async def refused(platform_: Platform, caller: Principal) -> bool:
    try:
        await platform_.check(caller)
    except Unauthenticated as error:
        return error.code == "session_ended" and "WWW-Authenticate" in error.headers
    return False


async def test_a_session_that_was_revoked_is_refused_and_no_other(follow, view) -> None:
    await follow(revoked(epoch=0, session_id=SESSION))
    assert await refused(view(), token())
    assert await refused(view(), token(epoch=7))
    assert not await refused(view(), token(session_id=uuid4()))


@pytest.mark.parametrize("fact", [revoked(epoch=3), changed(epoch=3)], ids=["every session", "the account"])
async def test_a_higher_epoch_refuses_every_older_token_of_the_user(follow, view, fact) -> None:
    await follow(fact)
    for epoch, is_refused in ((0, True), (2, True), (3, False), (4, False)):
        assert await refused(view(), token(epoch=epoch, session_id=uuid4())) is is_refused, epoch
    assert not await refused(view(), token(user_id=uuid4()))


FACTS = (changed(epoch=1), revoked(epoch=3), revoked(epoch=1, session_id=SESSION), changed(epoch=2))


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))], ids=str)
async def test_in_any_order_of_arrival(follow, view, order) -> None:
    await follow(*(FACTS[index] for index in order))
    assert await refused(view(), token(epoch=2, session_id=uuid4()))
    assert not await refused(view(), token(epoch=3, session_id=uuid4()))
    assert await refused(view(), token(epoch=3)), "the session that ended by itself"


async def test_the_same_fact_again_changes_nothing(follow, view) -> None:
    first = uuid4()
    await follow(revoked(epoch=3), event_id=first)
    with pytest.raises(AlreadyHandled):
        await follow(revoked(epoch=3), event_id=first)
    await follow(revoked(epoch=3), revoked(epoch=2), revoked(epoch=0, session_id=SESSION), revoked(epoch=0))
    await follow(revoked(epoch=0, session_id=SESSION))
    assert await refused(view(), token(epoch=2, session_id=uuid4()))
    assert not await refused(view(), token(epoch=3, session_id=uuid4()))


async def test_an_account_as_every_account_begins_needs_no_row(follow, store) -> None:
    await follow(changed(epoch=0, status="active"))
    assert await store.rows(select(store.access.platform.revocations)) == []


async def test_a_revocation_is_kept_until_every_token_it_is_about_has_expired(follow, view, store) -> None:
    assert timedelta(minutes=LONGEST_ACCESS_MINUTES) < platform.MEMORY
    table = store.access.platform.revocations
    await follow(revoked(epoch=3))

    async def age(by: timedelta) -> None:
        async with store.database.transaction() as session:
            await session.execute(update(table).values(revoked_at=func.now() - by))

    await age(timedelta(minutes=LONGEST_ACCESS_MINUTES + 1))
    assert await refused(view(), token())
    await age(platform.MEMORY + timedelta(minutes=1))
    await follow(revoked(epoch=0, session_id=uuid4()))
    assert [row.least_epoch for row in await store.rows(select(table))] == [None], "the old one was tidied away"


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))], ids=str)
async def test_the_newest_value_of_a_setting_stands(follow, view, order) -> None:
    values = (setting(100, 1), setting(200, 2), setting(50, 3))
    await follow(*(values[index] for index in order))
    assert await view().value("api.requests_per_minute") == 50


async def test_without_a_row_the_default_stands_and_an_unknown_name_is_a_defect(view) -> None:
    for name, each in SETTINGS.items():
        assert await view().value(name) == each.default
    with pytest.raises(KeyError):
        await view().value("api.nothing")


async def test_a_setting_that_was_taken_back_is_its_default_again(follow, view) -> None:
    await follow(setting(50, 1), setting(None, 2))
    assert await view().value("api.requests_per_minute") == SETTINGS["api.requests_per_minute"].default
    await follow(setting(60, 3))
    assert await view().value("api.requests_per_minute") == 60


@pytest.mark.parametrize("value", [False, [], 0, ""])
async def test_a_value_that_is_empty_is_a_value(follow, view, value) -> None:
    await follow(setting(value, 1, "security.mfa_required_tiers"))
    assert await view().value("security.mfa_required_tiers") == value


class CountedSource:
    def __init__(self) -> None:
        self.reads, self.snapshot, self.fails = 0, Snapshot(), False

    async def read(self) -> Snapshot:
        self.reads += 1
        await asyncio.sleep(0.01)
        if self.fails:
            raise Unavailable(DATABASE_UNAVAILABLE)
        return self.snapshot


async def test_a_hundred_requests_read_once_within_a_refresh() -> None:
    source = CountedSource()
    seen = Platform(source, refresh_seconds=REFRESH)
    await asyncio.gather(
        *(seen.check(token()) for _ in range(50)), *(seen.value("api.cors_origins") for _ in range(50))
    )
    assert source.reads == 1
    source.snapshot = Snapshot(sessions=frozenset({SESSION}))
    assert not await refused(seen, token())
    await asyncio.sleep(REFRESH)
    assert await refused(seen, token())
    assert source.reads == 2


async def test_who_is_locked_out_cannot_be_asked_so_nobody_is_let_in() -> None:
    source = CountedSource()
    seen = Platform(source, refresh_seconds=0)
    await seen.check(token())
    source.fails = True
    with pytest.raises(Unavailable):
        await seen.check(token())
    source.fails = False
    await seen.check(token())


def test_a_refresh_is_well_below_the_promised_ten_seconds() -> None:
    assert platform.REFRESH_SECONDS <= 5


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
async def door(store, signer, access_with) -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter()

    @router.get("/me")
    async def me(caller: Caller) -> UUID:
        return caller.user_id

    seen = Platform(ProjectedSource(store.database, store.access.platform), refresh_seconds=REFRESH)
    access = access_with(verifier=signer.verifier, platform=seen)
    app = create_app(
        service="test", title="test", routers=[router], access=access, wired=None, registry=CollectorRegistry()
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        yield client


async def test_a_suspension_shuts_the_door_within_one_refresh(follow, door, signer, eventually) -> None:
    suspended = {"Authorization": f"Bearer {signer.token(USER, session_id=SESSION, epoch=0)}"}
    other = {"Authorization": f"Bearer {signer.token(uuid4())}"}
    assert (await door.get("/me", headers=suspended)).status_code == 200
    await follow(changed(epoch=1))
    began = time.monotonic()
    answer = await eventually(
        lambda: door.get("/me", headers=suspended), until=lambda answer: answer.status_code != 200
    )
    assert time.monotonic() - began < REFRESH + 1
    assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
    assert (await door.get("/me", headers=other)).status_code == 200
    restored = {"Authorization": f"Bearer {signer.token(USER, epoch=1)}"}
    assert (await door.get("/me", headers=restored)).status_code == 200, "a new login after it"

"""The HTTP door of a service: errors, health, metrics, request ids, authentication, all wired in one place."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry

from chassis import openapi, problems
from chassis.access import Access
from chassis.cors import PlatformCors
from chassis.database import Database
from chassis.health import Check, health_router
from chassis.refusals import Refusals
from chassis.requests import RequestScope

Step = Callable[[], Awaitable[None]]

_PROBES = ("/health", "/ready", "/metrics")


def create_app(
    *,
    service: str,
    title: str,
    routers: Sequence[APIRouter],
    access: Access,
    wired: Any,
    database: Database | None = None,
    registry: CollectorRegistry | None = None,
    needs: Sequence[Step] = (),
    open_: Sequence[Step] = (),
    close: Sequence[Step] = (),
) -> FastAPI:
    """`wired` is the service's own bag of services; its routes reach it as `request.app.state.wired`.

    With `database` the door is ready while that answers, and closes it at the end. `needs` are further things without
    which it is not ready: each raises while its own is away.
    """
    registry = registry or CollectorRegistry()
    pings = [*needs] if database is None else [database.ping, *needs]
    checks: list[Check] = [_check(ping) for ping in pings]

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for step in open_:
            await step()
        yield
        for step in (*close, access.close):
            await step()
        if database is not None:
            await database.close()

    app = FastAPI(
        title=title,
        version="1",
        lifespan=lifespan,
        docs_url="/docs",
        redoc_url=None,
        # One span a request. Logs and metrics are chassis' own; spans of single operations cost more than they tell.
        telemetry={"operation_spans": False, "logs": False, "metrics": False, "exclude": _is_probe},
    )
    app.state.wired = wired
    app.state.checks = checks
    app.state.verifier = access.verifier
    app.state.platform = access.platform
    app.state.limits = access.limits
    app.state.key_trade = access.key_trade
    app.include_router(health_router(checks, registry))
    for router in routers:
        app.include_router(router)
    problems.install(app, on_refused=Refusals(database).note if database else None)
    openapi.install(app)
    app.add_middleware(PlatformCors, platform=access.platform)
    app.add_middleware(RequestScope, registry=registry, service=service)
    return app


def _check(ping: Step) -> Check:
    async def check() -> list[str]:
        await ping()
        return []

    return check


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    path: str = scope.get("path", "")
    return path.endswith(_PROBES)

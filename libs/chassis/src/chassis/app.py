"""The HTTP door of a service: errors, health, metrics, request ids, authentication, all wired in one place."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from prometheus_client import CollectorRegistry

from chassis import problems
from chassis.auth import Verifier
from chassis.health import Check, health_router
from chassis.requests import RequestScope

Closer = Callable[[], Awaitable[None]]


def create_app(
    *,
    service: str,
    title: str,
    routers: Sequence[APIRouter],
    verifier: Verifier,
    wired: Any,
    registry: CollectorRegistry,
    checks: list[Check],
    open_: Sequence[Closer] = (),
    close: Sequence[Closer] = (),
) -> FastAPI:
    """`wired` is the service's own bag of services; its routes reach it as `request.app.state.wired`."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for step in open_:
            await step()
        yield
        for step in close:
            await step()

    app = FastAPI(title=title, version="1", lifespan=lifespan, docs_url="/docs", redoc_url=None)
    app.state.wired = wired
    app.state.checks = checks
    app.state.verifier = verifier
    app.include_router(health_router(checks, registry))
    for router in routers:
        app.include_router(router)
    problems.install(app)
    app.add_middleware(RequestScope, registry=registry, service=service)
    FastAPIInstrumentor.instrument_app(app, excluded_urls="health,ready,metrics")
    return app

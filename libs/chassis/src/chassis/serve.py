"""Open a service's doors: `python -m chassis.serve PACKAGE --doors http|worker|all --host H --port N`.

The worker door alone still answers /health, /ready and /metrics, so that it can be watched the same way.
"""

import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from chassis.health import Watchdog, health_router
from chassis.settings import ServiceSettings
from chassis.telemetry import install_logging, install_tracing
from chassis.worker import Worker


class Doors(StrEnum):
    HTTP = "http"
    WORKER = "worker"
    ALL = "all"


def open_doors(package: str, doors: Doors) -> FastAPI:
    registry = CollectorRegistry()
    app = _http_door(package, registry) if doors is not Doors.WORKER else FastAPI(title=f"{package} worker")
    if doors is not Doors.HTTP:
        worker: Worker = importlib.import_module(f"{package}.worker").create_worker(registry=registry)
        app.state.worker = worker
        if doors is Doors.WORKER:
            app.include_router(health_router([worker.problems], registry))
        else:
            app.state.checks.append(worker.problems)
        _run_beside(app, worker)
    _watch_over(app)
    return app


def _http_door(package: str, registry: CollectorRegistry) -> FastAPI:
    app: FastAPI = importlib.import_module(f"{package}.main").create_app(registry=registry)
    return app


def _run_beside(app: FastAPI, worker: Worker) -> None:
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(scope: FastAPI) -> AsyncIterator[None]:
        async with inner(scope):
            await worker.start()
            try:
                yield
            finally:
                await worker.stop()

    app.router.lifespan_context = lifespan


def _watch_over(app: FastAPI) -> None:
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(scope: FastAPI) -> AsyncIterator[None]:
        watchdog = Watchdog()
        watchdog.start()
        try:
            async with inner(scope):
                yield
        finally:
            watchdog.stop()

    app.router.lifespan_context = lifespan


def main(
    package: str,
    doors: Annotated[Doors, typer.Option()] = Doors.ALL,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option()] = 8080,
) -> None:
    try:
        _serve(package, doors, host=host, port=port)
    except ValidationError as error:
        # Which setting, and what it may be; a traceback would hide it from whoever wrote it.
        lines = (f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())
        sys.exit(f"{package} does not start, settings are wrong:\n" + "\n".join(f"  {line}" for line in lines))


def _serve(package: str, doors: Doors, *, host: str, port: int) -> None:
    settings = ServiceSettings()
    name = package.replace("_", "-") if doors is not Doors.WORKER else f"{package.replace('_', '-')}-worker"
    install_logging(name, level=settings.log_level)
    install_tracing(name, otlp_endpoint=settings.otel_exporter_otlp_endpoint)
    uvicorn.run(
        open_doors(package, doors),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Then the worker's running handlers have `bus.GRACEFUL_SECONDS`; the process manager kills after 20 s.
        timeout_graceful_shutdown=8,
        # The gateway and the other services say who the client was, and the proxies in front of the gateway.
        forwarded_allow_ips=settings.forwarded_allow_ips,
    )


if __name__ == "__main__":
    typer.run(main)

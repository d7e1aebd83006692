"""The HTTP door: OpenAI-compatible embeddings, token counts, health."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedder import wire
from embedder.config import Config
from embedder.errors import Overloaded, RequestRefused, Stopping
from embedder.lanes import QUERY_PREFIX, Lanes
from embedder.metrics import Metrics
from embedder.model import Model
from embedder.prepare import require_prepared

_CLIENT_CLOSED_REQUEST = 499


class Doors:
    """The routes, and what they share for the life of the app."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._metrics = Metrics()
        self._model: Model
        self._lanes: Lanes

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Raises ModelNotPrepared."""
        require_prepared(self._config.model_directory)
        self._model = await asyncio.to_thread(Model, self._config.model_directory)
        self._lanes = Lanes(
            self._model.embed,
            threads=self._config.threads,
            max_waiting=self._config.max_waiting_texts,
            observer=self._metrics,
        )
        for lane in (self._lanes.queries, self._lanes.passages):
            self._metrics.watch_queue(lane.name, partial(getattr, lane, "waiting"))
        self._lanes.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._lanes.stop)

    async def embeddings(self, request: Request) -> Response:
        wanted = wire.parse_embeddings(await _body(request))
        started = time.perf_counter()
        found = await _while_connected(request, self._lanes.embed(wanted.texts))
        lane = "query" if all(text.startswith(QUERY_PREFIX) for text in wanted.texts) else "passage"
        self._metrics.answered(lane, seconds=time.perf_counter() - started)
        return _json(wire.embeddings_body(found, encoding=wanted.encoding))

    async def tokenize(self, request: Request) -> Response:
        texts = wire.parse_tokenize(await _body(request))
        return _json(wire.counts_body(await asyncio.to_thread(self._model.counts, texts)))

    async def models(self, _request: Request) -> Response:
        return _json(wire.models_body())

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        reasons = [f"thread {name} has died" for name in self._lanes.dead_threads()]
        if reasons:
            return JSONResponse({"status": "unready", "reasons": reasons}, status_code=503)
        return JSONResponse({"status": "ready"})

    async def metrics(self, _request: Request) -> Response:
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    async def overloaded(self, _request: Request, error: Exception) -> Response:
        self._metrics.refused()
        retry_after = error.retry_after if isinstance(error, Overloaded) else 1
        body = wire.error_body(str(error), kind="server_error", code="overloaded")
        return _json(body, status=503, headers={"Retry-After": str(retry_after)})


def create_app(config: Config) -> Starlette:
    doors = Doors(config)
    return Starlette(
        routes=[
            Route("/v1/embeddings", doors.embeddings, methods=["POST"]),
            Route("/v1/tokenize", doors.tokenize, methods=["POST"]),
            Route("/v1/models", doors.models),
            Route("/health", doors.health),
            Route("/ready", doors.ready),
            Route("/metrics", doors.metrics),
        ],
        exception_handlers={
            RequestRefused: _refused,
            Overloaded: doors.overloaded,
            Stopping: _stopping,
            ClientDisconnect: _client_left,
            HTTPException: _no_such_route,
            Exception: _failed,
        },
        lifespan=doors.lifespan,
    )


def _json(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status_code=status, headers=headers, media_type="application/json")


async def _body(request: Request) -> bytes:
    """Raises RequestRefused before more than MAX_BODY_BYTES are held."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > wire.MAX_BODY_BYTES:
            raise RequestRefused(f"the body is larger than {wire.MAX_BODY_BYTES} bytes", code="body_too_large")
    return bytes(body)


async def _while_connected[T](request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Raises ClientDisconnect, with `work` cancelled, when the client leaves first."""
    task = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        leaving.cancel()
        await asyncio.wait({task, leaving})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestRefused):
        raise error
    body = wire.error_body(str(error), kind="invalid_request_error", param=error.param, code=error.code)
    return _json(body, status=error.status)


async def _no_such_route(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _json(wire.error_body(error.detail, kind="invalid_request_error"), status=error.status_code)


async def _stopping(_request: Request, error: Exception) -> Response:
    body = wire.error_body(str(error), kind="server_error", code="stopping")
    return _json(body, status=503, headers={"Retry-After": "1"})


async def _client_left(_request: Request, _error: Exception) -> Response:
    """Nobody reads it; the status is for the access log."""
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


async def _failed(_request: Request, _error: Exception) -> Response:
    return _json(wire.error_body("the embedder failed", kind="server_error"), status=500)

"""What surrounds every request: its id, its metrics, and the headers that browsers need."""

import re
import time
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import origin, problems
from chassis.origin import Origin

_SANE_ID = re.compile(r"^[A-Za-z0-9._-]{8,100}$")
_SANE_PREFIX = re.compile(r"^/services/[a-z-]{1,40}$")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class RequestScope:
    """Pure ASGI, so that streamed answers pass through untouched."""

    def __init__(self, app: ASGIApp, *, registry: CollectorRegistry, service: str) -> None:
        self._app = app
        self._service = service
        labels = ("service", "method", "route", "status")
        self._requests = Counter("growfit_http_requests", "Requests answered", labels, registry=registry)
        self._seconds = Histogram(
            "growfit_http_request_seconds",
            "Seconds until the answer's head was sent",
            labels[:3],
            registry=registry,
            buckets=_BUCKETS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        # Where the gateway cut a prefix off, links in the API's own pages need it again.
        prefix = _header(scope, b"x-forwarded-prefix")
        if _SANE_PREFIX.match(prefix):
            scope["root_path"] = prefix
        scope.setdefault("state", {})["request_id"] = request_id
        client = scope.get("client")
        origin.set_current(Origin(client[0] if client else None, _header(scope, b"user-agent")[:300], request_id))
        started = time.perf_counter()

        answered = False

        async def send_with_id(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
                self._count(scope, message["status"], time.perf_counter() - started)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            if answered:
                raise
            await problems.unexpected(Request(scope), error)(scope, receive, send_with_id)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's template, never the path: ids in labels would grow without bound.
        route = getattr(scope.get("route"), "path", "unmatched")
        self._requests.labels(self._service, scope["method"], route, str(status)).inc()
        self._seconds.labels(self._service, scope["method"], route).observe(seconds)


def _request_id(scope: Scope) -> str:
    given = _header(scope, b"x-request-id")
    return given if _SANE_ID.match(given) else uuid4().hex


def _header(scope: Scope, wanted: bytes) -> str:
    for name, value in scope["headers"]:
        if name == wanted:
            text: str = value.decode("latin-1")
            return text
    return ""

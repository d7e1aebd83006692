"""Which pages may call the API from a browser: the platform's setting `api.cors_origins`, without a restart.

Starlette's own middleware does the work; it is made anew when the setting changes. Tokens travel in a header and not in
cookies, so no credentials are allowed.
"""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.auth import Guard
from chassis.errors import Unavailable

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_EXPOSED = ("X-Request-Id", "Location", "Retry-After", "Content-Disposition")
_MAX_AGE_SECONDS = 600


class PlatformCors:
    def __init__(self, app: ASGIApp, *, platform: Guard) -> None:
        self._app = app
        self._platform = platform
        self._origins: tuple[str, ...] = ()
        self._middleware: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "origin" not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return
        try:
            origins = tuple(await self._platform.value("api.cors_origins"))
        except Unavailable:
            origins = self._origins
        if origins != self._origins:
            self._origins = origins
            self._middleware = CORSMiddleware(
                self._app,
                allow_origins=origins,
                allow_methods=_METHODS,
                allow_headers=["Authorization", "Content-Type", "Accept-Language", "X-Request-Id", "Last-Event-ID"],
                expose_headers=_EXPOSED,
                max_age=_MAX_AGE_SECONDS,
            )
        await self._middleware(scope, receive, send)

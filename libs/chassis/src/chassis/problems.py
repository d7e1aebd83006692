"""Errors at the HTTP door: problem+json (RFC 9457) in the caller's language."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from chassis.auth import Principal
from chassis.errors import (
    INTERNAL_ERROR,
    KINDS,
    METHOD_NOT_ALLOWED,
    REQUEST_REFUSED,
    ROUTE_NOT_FOUND,
    VALIDATION_FAILED,
    GrowFitError,
    Invalid,
    Locale,
    Message,
    Unavailable,
)
from chassis.locale import locale_of
from chassis.refusals import Refused
from chassis.validation_ko import korean_text

log = logging.getLogger(__name__)

OnRefused = Callable[[Refused], Awaitable[None]]

MEDIA_TYPE = "application/problem+json"
INTERNAL_TITLE = Message("internal_error", "서버 오류", "Internal server error")


class Problem(BaseModel):
    """The body of every error. Members beyond these are facts of the particular error."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None
    request_id: str | None = None


def responses(*kinds: type[GrowFitError]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`: the errors it documents."""
    by_status = {kind.status: kind for kind in KINDS}
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": kind.title.en, "content": content}
        for status, kind in by_status.items()
        if kind in kinds
    }


def body_of(
    message: Message, *, title: Message, status: int, locale: Locale, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A problem as a plain dict, for places where it is part of another answer."""
    values = values or {}
    return {
        # First, so that a fact called `title` or `status` never takes the place of the problem's own.
        **jsonable_encoder(values),
        "type": f"urn:growfit:problem:{message.code}",
        "title": title.ko if locale is Locale.KO else title.en,
        "status": status,
        "detail": message.text(locale, **values),
        "code": message.code,
    }


def install(app: FastAPI, *, on_refused: OnRefused | None = None) -> None:
    """`on_refused` is told of every error that a route answered with, and decides what may be more than a mistake."""
    app.state.on_refused = on_refused
    app.add_exception_handler(GrowFitError, _on_growfit_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def _respond(
    request: Request,
    message: Message,
    *,
    title: Message,
    status: int,
    values: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    locale = locale_of(request)
    body = body_of(message, title=title, status=status, locale=locale, values=values)
    # The gateway sends a path that has no route on as another one, and says in this header what was asked for.
    body["instance"] = request.headers.get("x-replaced-path", request.url.path)
    body["request_id"] = getattr(request.state, "request_id", None)
    return JSONResponse(
        body,
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={**(headers or {}), "Content-Language": locale.value, "Vary": "Accept-Language"},
    )


async def _on_growfit_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GrowFitError)  # noqa: S101  the handler is installed for this class alone
    await _tell(request, error)
    return _respond(
        request,
        error.message,
        title=error.title,
        status=error.status,
        values=error.values,
        headers=error.headers,
    )


async def _tell(request: Request, error: GrowFitError) -> None:
    tell: OnRefused | None = getattr(request.app.state, "on_refused", None)
    if tell is None:
        return
    caller: Principal | None = getattr(request.state, "caller", None)
    route = getattr(request.scope.get("route"), "path", request.url.path)
    try:
        await tell(Refused(caller, f"{request.method} {route}", _ids_in(request), error))
    except Unavailable:
        log.warning("a refusal was not told to the audit log: %s", error)


def _ids_in(request: Request) -> dict[str, str]:
    """On whom or what: of what the caller wrote into the path, ids alone."""
    found = {}
    for name, text in request.path_params.items():
        with suppress(ValueError):
            found[name] = str(UUID(str(text)))
    return found


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  as above
    items = _items(error.errors(), locale_of(request))
    return _respond(request, VALIDATION_FAILED, title=Invalid.title, status=422, values={"errors": items})


def _items(errors: Sequence[Any], locale: Locale) -> list[dict[str, Any]]:
    # The input itself is not sent back: it may be a password.
    return [
        {
            "field": ".".join(str(part) for part in error["loc"]),
            "type": error["type"],
            "message": korean_text(error) if locale is Locale.KO else error["msg"],
        }
        for error in errors[:20]
    ]


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  as above
    headers = dict(error.headers or {})
    status = error.status_code
    if status == 404:  # noqa: PLR2004  HTTP status
        return _respond(request, ROUTE_NOT_FOUND, title=_title(status), status=status, headers=headers)
    if status == 405:  # noqa: PLR2004  HTTP status
        return _respond(request, METHOD_NOT_ALLOWED, title=METHOD_NOT_ALLOWED, status=status, headers=headers)
    values = {"reason": str(error.detail)}
    return _respond(request, REQUEST_REFUSED, title=_title(status), status=status, values=values, headers=headers)


def _title(status: int) -> Message:
    return next((kind.title for kind in KINDS if kind.status == status), Invalid.title)


def unexpected(request: Request, error: Exception) -> JSONResponse:
    """The answer to a defect. `RequestScope` gives it, because Starlette's own place for it lies outside of that."""
    request_id = getattr(request.state, "request_id", "-")
    log.error("unexpected error in request %s", request_id, exc_info=error)
    return _respond(request, INTERNAL_ERROR, title=INTERNAL_TITLE, status=500, values={"request_id": request_id})

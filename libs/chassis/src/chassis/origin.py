"""Where the work at hand comes from: the request's address, browser and id. For the audit log alone."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


_NOWHERE = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def current() -> Origin:
    """An empty one outside of a request."""
    return _current.get()


def set_current(origin: Origin) -> None:
    _current.set(origin)

"""What the audit log is told of requests that were refused. Nobody can fill it, and nobody can deafen it: of each known
caller a process tells an action once a minute, and of strangers once for each network, in all `_STRANGERS_A_MINUTE`.
"""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis import audit, origin
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import (
    SESSION_ENDED,
    TOKEN_INVALID,
    TOO_MANY_REQUESTS,
    Forbidden,
    GrowFitError,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from contracts.audit import AuditOutcome

_MINUTE_SECONDS = 60
_STRANGERS_A_MINUTE = 100
# So many different things that are not there, or not theirs, does nobody ask for within a minute by mistake.
PROBES = 20
# A token that merely is too old, or none at all, is what every client sends now and then.
_SUSPICIOUS = frozenset({TOKEN_INVALID.code, SESSION_ENDED.code})

# Whose act it was: a user's, or a network's where nobody is known.
type _Whose = tuple[str, UUID | str]


@dataclass(frozen=True)
class Refused:
    """`named`: the ids in the request's path, as the caller named them: whether they belong together is not decided."""

    caller: Principal | None
    route: str
    named: dict[str, str]
    error: GrowFitError


@dataclass(frozen=True)
class _Entry:
    """`once`: told before within this minute, it is not told again."""

    action: str
    detail: dict[str, Any]
    once: _Whose | None = None


class Refusals:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._minute = 0
        self._told: set[_Whose] = set()
        self._strangers = 0
        self._missed: dict[UUID, set[str]] = {}

    async def note(self, refused: Refused) -> None:
        """In a transaction of its own: what was asked for has been undone.

        Raises:
            Unavailable: the database cannot be reached.
        """
        self._turn()
        entry = self._entry(refused)
        if entry is None or not self._takes(entry, refused.caller):
            return
        try:
            await self._write(entry, refused)
        except BaseException:
            if entry.once is not None:
                self._told.discard(entry.once)
            raise

    async def _write(self, entry: _Entry, refused: Refused) -> None:
        async with self._database.transaction() as session:
            await audit.record(
                session,
                entry.action,
                actor=refused.caller,
                target=f"route/{refused.route}",
                outcome=AuditOutcome.REFUSED,
                **entry.detail,
            )

    def _turn(self) -> None:
        minute = int(time.time()) // _MINUTE_SECONDS
        if minute != self._minute:
            self._minute, self._told, self._strangers, self._missed = minute, set(), 0, {}

    def _takes(self, entry: _Entry, caller: Principal | None) -> bool:
        if entry.once is None:
            return True
        if entry.once in self._told or (caller is None and self._strangers >= _STRANGERS_A_MINUTE):
            return False
        self._told.add(entry.once)
        self._strangers += caller is None
        return True

    def _entry(self, refused: Refused) -> _Entry | None:
        caller, error = refused.caller, refused.error
        match error:
            case Forbidden() if caller is not None:
                return _Entry("request.forbidden", {"code": error.code, "named": refused.named})
            case Unauthenticated() if error.code in _SUSPICIOUS:
                return _once("token.refused", caller, code=error.code)
            case RateLimited() if caller is not None and error.code == TOO_MANY_REQUESTS.code:
                most = error.values["limit"]
                return _once("limit.reached", caller, limit="requests_per_minute", most=most, minutes=1)
            case NotFound() if caller is not None and self._is_probing(caller, refused.named):
                return _once("ids.probed", caller, different_ids=PROBES)
            case _:
                return None

    def _is_probing(self, caller: Principal, named: dict[str, str]) -> bool:
        missed = self._missed.setdefault(caller.user_id, set())
        if len(missed) < PROBES:
            missed.update(named.values())
        return len(missed) >= PROBES


def _once(action: str, caller: Principal | None, **detail: Any) -> _Entry:
    who = caller.user_id if caller else str(origin.host_of(origin.current().ip))
    return _Entry(action, detail, (action, who))

"""What the audit log is told of requests that were refused. Nobody can fill it: what costs a stranger nothing is told
once a minute for each of them, and no more often than `_MOST_A_MINUTE` by one process.
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
_MOST_A_MINUTE = 100
# So many different things that are not there, or not theirs, does nobody ask for within a minute by mistake.
PROBES = 20
# A token that merely is too old, or none at all, is what every client sends now and then.
_SUSPICIOUS = frozenset({TOKEN_INVALID.code, SESSION_ENDED.code})


@dataclass(frozen=True)
class Refused:
    """`named`: the ids in the request's path, as the caller named them: whether they belong together is not decided."""

    caller: Principal | None
    route: str
    named: dict[str, str]
    error: GrowFitError


class Refusals:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._minute = 0
        self._told: set[tuple[str, object]] = set()
        self._missed: dict[UUID, set[str]] = {}

    async def note(self, refused: Refused) -> None:
        """In a transaction of its own: what was asked for has been undone.

        Raises:
            Unavailable: the database cannot be reached.
        """
        minute = int(time.time()) // _MINUTE_SECONDS
        if minute != self._minute:
            self._minute, self._told, self._missed = minute, set(), {}
        found = self._entry(refused)
        if found is None:
            return
        action, detail = found
        async with self._database.transaction() as session:
            await audit.record(
                session,
                action,
                actor=refused.caller,
                target=f"route/{refused.route}",
                outcome=AuditOutcome.REFUSED,
                **detail,
            )

    def _entry(self, refused: Refused) -> tuple[str, dict[str, Any]] | None:
        caller, error = refused.caller, refused.error
        match error:
            case Forbidden() if caller is not None:
                return "request.forbidden", {"code": error.code, "named": refused.named}
            case Unauthenticated() if error.code in _SUSPICIOUS:
                who = caller.user_id if caller else origin.current().ip
                return self._once("token.refused", who, code=error.code)
            case RateLimited() if caller is not None and error.code == TOO_MANY_REQUESTS.code:
                most = error.values["limit"]
                return self._once("limit.reached", caller.user_id, limit="requests_per_minute", most=most, minutes=1)
            case NotFound() if caller is not None and self._is_probing(caller, refused.named):
                return self._once("ids.probed", caller.user_id, different_ids=PROBES)
            case _:
                return None

    def _is_probing(self, caller: Principal, named: dict[str, str]) -> bool:
        missed = self._missed.setdefault(caller.user_id, set())
        if len(missed) < PROBES:
            missed.update(named.values())
        return len(missed) >= PROBES

    def _once(self, action: str, who: object, **detail: Any) -> tuple[str, dict[str, Any]] | None:
        if (action, who) in self._told or len(self._told) >= _MOST_A_MINUTE:
            return None
        self._told.add((action, who))
        return action, detail

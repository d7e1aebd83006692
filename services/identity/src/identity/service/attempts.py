"""How often something may be tried within a quarter of an hour, counted by all replicas together.

A try is counted before it is looked at, so that many at once are no way around a limit, and taken back when it was a
right one; but see `Limit.late`. What is refused is not counted: waiting as long as `Retry-After` says is always enough.
"""

import hmac
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit
from chassis.errors import RateLimited
from chassis.sealing import keys_of
from contracts.audit import AuditOutcome
from identity.crud import attempts
from identity.crud.attempts import WINDOW_MINUTES, Tries
from identity.errors import TOO_MANY_TRIES

_KEY_BYTES = 16


@dataclass(frozen=True)
class Limit:
    """At most so many tries of what `key` stands for, within `minutes`, of which there are 15 at most.

    `most` None: they are counted and never refused. `late`: only `count_late` counts, once a try was wrong, so that
    many who come at once and are right do not stand in each other's way; a few too many may slip through together.
    `name`: by it the audit log is told of the try that uses the limit up; None: its caller tells of that.
    """

    key: bytes
    most: int | None
    minutes: int = WINDOW_MINUTES
    late: bool = False
    name: str | None = None


@dataclass(frozen=True)
class Counted:
    """One try, and the others within each limit's window."""

    limits: tuple[Limit, ...]
    tries: tuple[Tries, ...]

    @property
    def minute(self) -> int:
        """Which the try was counted in."""
        return max(each.minute for each in self.tries)

    def total(self, key: bytes) -> int:
        return sum(each.tries for each in self._of(self._limit(key)))

    def used_up(self) -> list[Limit]:
        """The limits whose last try this was."""
        return [limit for limit in self.limits if self.total(limit.key) == limit.most]

    def wait(self, key: bytes, most: int) -> int:
        """Seconds until so many tries have left the window that the next one is within `most`; 0: it is."""
        limit = self._limit(key)
        surplus = self.total(key) - most + (1 if limit.late else 0)
        if surplus <= 0:
            return 0
        for each in self._of(limit):
            surplus -= each.tries
            if surplus <= 0:
                return max(1, (each.minute + limit.minutes) * 60 - int(time.time()))
        return limit.minutes * 60

    def _limit(self, key: bytes) -> Limit:
        return next(limit for limit in self.limits if limit.key == key)

    def _of(self, limit: Limit) -> list[Tries]:
        since = self.minute - limit.minutes
        return sorted(each for each in self.tries if each.key == limit.key and each.minute > since)


class Attempts:
    def __init__(self, *, key_encryption_key: str) -> None:
        # The first of the keys: with another one, the count begins anew.
        root = keys_of(key_encryption_key)[0]
        self._key = hmac.digest(root, b"growfit attempts", "sha256")

    def key(self, *parts: str) -> bytes:
        """Of what is tried on what from where. Nobody can read an address out of it."""
        return hmac.digest(self._key, "\x1f".join(parts).encode(), "sha256")[:_KEY_BYTES]

    async def count(self, session: AsyncSession, *limits: Limit) -> Counted:
        """Count one try against each limit.

        Raises:
            RateLimited: a limit is used up. The caller's transaction rolls back, and with it the count.
        """
        now = [limit.key for limit in limits if not limit.late]
        late = [limit.key for limit in limits if limit.late]
        counted = Counted(limits, tuple(await attempts.add(session, now, others=late)))
        waits = [counted.wait(limit.key, limit.most) for limit in limits if limit.most is not None]
        wait = max(waits, default=0)
        if wait:
            raise too_many_tries(wait)
        await _tell(session, Counted(tuple(limit for limit in limits if not limit.late), counted.tries))
        return counted

    async def count_late(self, session: AsyncSession, counted: Counted) -> Counted:
        """It was a wrong try: count it against the late limits too. Refuses nothing."""
        late = tuple(limit for limit in counted.limits if limit.late)
        again = Counted(late, tuple(await attempts.add(session, [limit.key for limit in late])))
        await _tell(session, again)
        return again

    async def take_back(self, session: AsyncSession, counted: Counted) -> None:
        """It was a right try. The last thing in a transaction: others wait for it."""
        keys = [limit.key for limit in counted.limits if not limit.late]
        await attempts.take_back(session, keys, minute=counted.minute)

    async def is_first(self, session: AsyncSession, key: bytes) -> bool:
        """Whether nobody has asked this of `key` within the window."""
        return sum(tries.tries for tries in await attempts.add(session, [key])) == 1


async def _tell(session: AsyncSession, counted: Counted) -> None:
    for limit in counted.used_up():
        if limit.name is not None:
            facts: dict[str, Any] = {"limit": limit.name, "most": limit.most, "minutes": limit.minutes}
            await audit.record(session, "limit.reached", actor=None, outcome=AuditOutcome.REFUSED, **facts)


def too_many_tries(seconds: int) -> RateLimited:
    return RateLimited(TOO_MANY_TRIES, headers={"Retry-After": str(seconds)}, retry_after=seconds)

"""How many requests one user may send within a minute, counted together by all replicas of a service.

A process counts in memory and adds its count to the others' once a second, so a request waits for nothing; for up to a
second, replicas let a little more pass than the limit says.
"""

import asyncio
import logging
import time
from collections import Counter
from uuid import UUID

from sqlalchemy import Table, delete
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Database
from chassis.errors import TOO_MANY_REQUESTS, RateLimited, Unavailable

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
EXCHANGE_SECONDS = 1.0


class Limits:
    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._table = table
        self._minute = 0
        # What this process has not told yet, and what all of them had told when it last looked.
        self._own: Counter[UUID] = Counter()
        self._told: dict[UUID, int] = {}
        self._exchanging: asyncio.Task[None] | None = None
        self._exchanged_at = 0.0

    def count(self, user_id: UUID, *, limit: int) -> None:
        """
        Raises:
            RateLimited: the user's requests of this minute are used up.
        """
        seconds = time.time()
        minute = int(seconds) // WINDOW_SECONDS
        if minute != self._minute:
            self._minute, self._own, self._told = minute, Counter(), {}
        self._own[user_id] += 1
        used = self._own[user_id] + self._told.get(user_id, 0)
        if self._is_due():
            self._exchanged_at = time.monotonic()
            self._exchanging = asyncio.create_task(self._exchange(minute, self._take()))
        if used > limit:
            wait = WINDOW_SECONDS - int(seconds) % WINDOW_SECONDS
            raise RateLimited(TOO_MANY_REQUESTS, headers={"Retry-After": str(wait)}, limit=limit, retry_after=wait)

    async def close(self) -> None:
        """Wait for the exchange that runs; its connection must not outlive the pool."""
        if self._exchanging is not None:
            await asyncio.wait([self._exchanging])

    def _is_due(self) -> bool:
        # One at a time: an answer that a slow database gave late would take the place of a newer one.
        is_idle = self._exchanging is None or self._exchanging.done()
        return is_idle and time.monotonic() - self._exchanged_at > EXCHANGE_SECONDS

    def _take(self) -> Counter[UUID]:
        told, self._own = self._own, Counter()
        for user_id, requests in told.items():
            self._told[user_id] = self._told.get(user_id, 0) + requests
        return told

    async def _exchange(self, minute: int, told: Counter[UUID]) -> None:
        # In one order for all replicas, so that they never wait for each other in a circle.
        rows = [{"user_id": user_id, "minute": minute, "requests": told[user_id]} for user_id in sorted(told)]
        statement = insert(self._table)
        statement = statement.on_conflict_do_update(
            index_elements=[self._table.c.user_id, self._table.c.minute],
            set_={"requests": self._table.c.requests + statement.excluded.requests},
        )
        try:
            async with self._database.transaction() as session:
                counted = statement.returning(self._table.c.user_id, self._table.c.requests)
                totals = (await session.execute(counted, rows)).all()
                await session.execute(delete(self._table).where(self._table.c.minute < minute - 1))
        except Unavailable:
            log.warning("requests are counted by this process alone for now")
            return
        if minute == self._minute:
            self._told |= {row.user_id: row.requests for row in totals}

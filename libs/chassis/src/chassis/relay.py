"""The relay: reads unpublished outbox rows in order, publishes each, marks what JetStream has acknowledged.

A kill between publish and mark sends the row again with the same `Nats-Msg-Id`, which the stream's duplicate
window or the consumers' inbox drops. A timeout is never read as "not sent". Rows are never given up.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from chassis.database import libpq_url
from chassis.outbox import channel

log = logging.getLogger(__name__)

BATCH = 100
POLL_SECONDS = 1.0
# After a wake-up: a burst's rows go out together, and the work that wrote the first is not disturbed by its relaying.
GATHER_SECONDS = 0.02
MAX_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Outgoing:
    event_id: UUID
    subject: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Publish = Callable[[Outgoing], Awaitable[None]]


class Relay:
    """One at a time per service: an advisory lock keeps replicas idle, so that order is kept while all is well.

    Runs on a connection of its own in autocommit mode: no network call happens inside a transaction.
    """

    def __init__(self, database_url: str, *, schema: str, publish: Publish) -> None:
        self._url = libpq_url(database_url)
        self._schema = schema
        self._publish = publish

    async def run(self) -> None:
        """Until cancelled. A lost database or bus is waited for, with a growing pause."""
        pause = 0.1
        while True:
            started = time.monotonic()
            try:
                await self._relay_while_connected()
            except (psycopg.Error, OSError) as error:
                log.warning("outbox relay lost its database: %s", error)
            pause = 0.1 if time.monotonic() - started > MAX_PAUSE_SECONDS else min(pause * 2, MAX_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _relay_while_connected(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, row_factory=dict_row, connect_timeout=5
        )
        async with connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel(self._schema))))
            while not await self._is_leader(connection):  # noqa: ASYNC110  another process holds the lock
                await asyncio.sleep(POLL_SECONDS)
            pause = 0.1
            while True:
                if await self.publish_batch(connection):
                    pause = 0.1
                    continue
                await asyncio.sleep(pause)
                pause = min(pause * 2, MAX_PAUSE_SECONDS)

    async def _is_leader(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> bool:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(hashtext(%s)) AS held", [channel(self._schema)])
        row = await cursor.fetchone()
        return bool(row and row["held"])

    async def publish_batch(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> bool:
        """Publish the next rows, or wait for a wake-up when there is none. False: the bus refused, try later."""
        table = sql.Identifier(self._schema, "outbox")
        query = sql.SQL(
            "SELECT id, event_id, subject, payload, headers FROM {} WHERE published_at IS NULL ORDER BY id LIMIT {}"
        ).format(table, sql.Literal(BATCH))
        rows = await (await connection.execute(query)).fetchall()
        if not rows:
            async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                await asyncio.sleep(GATHER_SECONDS)
            return True
        published: list[int] = []
        failed: tuple[int, Exception] | None = None
        try:
            for row in rows:
                try:
                    await self._publish(_outgoing(row))
                except Exception as error:  # noqa: BLE001  whatever the bus raises, the row stays and is tried again
                    failed = (row["id"], error)
                    break
                published.append(row["id"])
        finally:
            if published:
                mark = sql.SQL("UPDATE {} SET published_at = now() WHERE id = ANY(%s)").format(table)
                # Unmarked rows are sent again and dropped as duplicates. Raised here, a lost database would take
                # the place of a cancellation, and the relay would never end.
                with suppress(psycopg.Error):
                    await asyncio.shield(connection.execute(mark, [published]))
        if failed is None:
            return True
        log.warning("the bus did not take an event, it stays in the outbox: %r", failed[1])
        note = sql.SQL("UPDATE {} SET attempts = attempts + 1, last_error = %s WHERE id = %s").format(table)
        await connection.execute(note, [repr(failed[1])[:500], failed[0]])
        return False


def _outgoing(row: dict[str, Any]) -> Outgoing:
    body = json.dumps(row["payload"], ensure_ascii=False, separators=(",", ":")).encode()
    return Outgoing(row["event_id"], row["subject"], body, dict(row["headers"]))

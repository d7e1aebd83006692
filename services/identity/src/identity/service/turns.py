"""Turns: of many who come at once, a few are served, and the others wait in the order in which they came."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.errors import Message, Unavailable


class Turns:
    """`full`: what those are told who would be one more than `most_waiting`."""

    def __init__(self, *, at_once: int, most_waiting: int, full: Message) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = most_waiting
        self._full = full
        self._waiting = 0

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """
        Raises:
            Unavailable: too many wait already.
        """
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise Unavailable(self._full, headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()

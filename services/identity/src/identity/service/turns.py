"""Turns: of many who come at once, a few are served; of those who wait, each host's next one in its turn."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.errors import Message, Unavailable


class Turns:
    """`full`: what those are told for whom there is no room. One host has half of it at most.

    A host that sends hundreds at once waits for itself: whoever comes from elsewhere is next but one. `pause`: seconds
    between two turns, in which what else the process has to answer is answered.
    """

    def __init__(self, *, at_once: int, most_waiting: int, full: Message, pause: float = 0.0) -> None:
        self._free = at_once
        self._pause = pause
        self._most_waiting = most_waiting
        self._full = full
        # The host whose turn is next stands first.
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def take(self, host: str) -> AsyncIterator[None]:
        """
        Raises:
            Unavailable: too many wait already.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(host)
        try:
            yield
        finally:
            if self._pause:
                asyncio.get_running_loop().call_later(self._pause, self._pass_on)
            else:
                self._pass_on()

    async def _wait(self, host: str) -> None:
        waiting, own = sum(map(len, self._lines.values())), len(self._lines.get(host, ()))
        if waiting >= self._most_waiting or own >= (self._most_waiting + 1) // 2:
            raise Unavailable(self._full, headers={"Retry-After": "5"})
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(host, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._leave(host, turn)
            else:
                # It had come already.
                self._pass_on()
            raise

    def _leave(self, host: str, turn: asyncio.Future[None]) -> None:
        line = self._lines[host]
        line.remove(turn)
        if not line:
            del self._lines[host]

    def _pass_on(self) -> None:
        if not self._lines:
            self._free += 1
            return
        host = next(iter(self._lines))
        line = self._lines.pop(host)
        line.popleft().set_result(None)
        if line:
            self._lines[host] = line

"""Argon2id with OWASP's smallest recommended cost (19 MiB, 2 passes), off the event loop.

One at a time: each takes a core for about 22 ms, and a flood of passwords must not take the whole machine.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from chassis.errors import Unavailable
from identity.errors import TOO_MANY_LOGINS

_AT_ONCE = 1
_NICENESS = 15
_MAX_WAITING = 200


def _stand_back() -> None:
    """Let the threads that hash wait for those that answer: a login may take longer, a request must not."""
    # On Linux a thread has a priority of its own; elsewhere this would be the whole process's.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class Argon2Passwords:
    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2", initializer=_stand_back)
        self._waiting = 0
        # What an unknown account is measured against, so that it takes the same time.
        self._decoy = self._hasher.hash("not a password of anybody")

    async def hash(self, password: str) -> str:
        return await self._run(self._hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        matches = await self._run(self._matches, hashed or self._decoy, password)
        return matches and hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        return self._hasher.check_needs_rehash(hashed)

    def _matches(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _run[*ArgsT, ResultT](self, work: Callable[[*ArgsT], ResultT], *args: *ArgsT) -> ResultT:
        if self._waiting >= _MAX_WAITING:
            raise Unavailable(TOO_MANY_LOGINS, headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1

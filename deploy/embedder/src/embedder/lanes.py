"""Who is embedded when: queries before passages, requests in turn, never more than the cores can do.

Threads, not tasks: a worker that finishes a text takes the next one without a detour through the event loop, so a
loop that is busy with a large body does not leave a core idle.
"""

import asyncio
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

from embedder.errors import Overloaded, Stopping
from embedder.lane import Job, Lane, Turn
from embedder.model import Embedding

QUERY_PREFIX = "query: "

_BULK_NICE = 10
"""Measured on two busy cores: a query takes its idle time beside threads at 10, 1.3× at 5, 1.8× at 0."""
_MAX_RETRY_AFTER = 60
_SMOOTHING = 0.05


class Observer(Protocol):
    """What the lanes tell the metrics; called from worker threads as well."""

    def embedded(self, lane: str, *, tokens: int) -> None: ...

    def dropped(self, lane: str, *, texts: int) -> None: ...


class Lanes:
    """Runs `embed` on `threads` threads for everything, and on one thread for queries alone.

    A query therefore never waits for a passage to end; passages never run on more threads than there are cores.
    """

    def __init__(
        self, embed: Callable[[str], Embedding], *, threads: int, max_waiting: int, observer: Observer
    ) -> None:
        self.queries = Lane("query", limit=max_waiting)
        self.passages = Lane("passage", limit=max_waiting)
        self._embed = embed
        self._observer = observer
        self._changed = threading.Condition()
        self._stopping = False
        self._seconds_per_text = 0.05
        self._bulk_threads = threads
        self._query_thread_is_free = False
        self._threads = [threading.Thread(target=self._work, args=(self._next_query, 0), name="queries", daemon=True)]
        for number in range(threads):
            work = (self._next_of_any, _BULK_NICE)
            self._threads.append(threading.Thread(target=self._work, args=work, name=f"bulk-{number}", daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Texts in hand are finished; requests with texts left get Stopping. Blocks for the length of one text."""
        with self._changed:
            self._stopping = True
            abandoned = self.queries.drain() + self.passages.drain()
            self._changed.notify_all()
        for job in abandoned:
            _settle(job, Stopping("the embedder is stopping"))
        for thread in self._threads:
            thread.join()

    def dead_threads(self) -> list[str]:
        return [thread.name for thread in self._threads if not thread.is_alive()]

    async def embed(self, texts: list[str]) -> list[Embedding]:
        """In the order of `texts`. Cancelling drops what waits. Raises Overloaded, Stopping."""
        is_query = [text.startswith(QUERY_PREFIX) for text in texts]
        jobs = {
            lane: _job([text for text, is_one in zip(texts, is_query, strict=True) if is_one == wanted])
            for lane, wanted in ((self.queries, True), (self.passages, False))
        }
        jobs = {lane: job for lane, job in jobs.items() if job.texts}
        self._admit(jobs)
        try:
            done = await asyncio.gather(*(job.done for job in jobs.values()))
        finally:
            self._withdraw(jobs)
        parts = {lane: iter(part) for lane, part in zip(jobs, done, strict=True)}
        return [next(parts[self.queries if is_one else self.passages]) for is_one in is_query]

    def _admit(self, jobs: dict[Lane, Job]) -> None:
        with self._changed:
            if self._stopping:
                raise Stopping("the embedder is stopping")
            for lane, job in jobs.items():
                if not lane.has_room(len(job.texts)):
                    raise Overloaded(waiting=lane.waiting, retry_after=self._retry_after(lane))
            for lane, job in jobs.items():
                lane.add(job)
            self._changed.notify_all()

    def _retry_after(self, lane: Lane) -> int:
        """Seconds until about half of the lane is embedded."""
        seconds = lane.waiting * self._seconds_per_text / self._bulk_threads / 2
        return min(max(math.ceil(seconds), 1), _MAX_RETRY_AFTER)

    def _withdraw(self, jobs: dict[Lane, Job]) -> None:
        for lane, job in jobs.items():
            job.done.cancel()
            with self._changed:
                dropped = lane.drop(job)
            if dropped:
                self._observer.dropped(lane.name, texts=dropped)

    def _work(self, take: Callable[[], tuple[Lane, Turn] | None], nice: int) -> None:
        _be_nice(nice)
        while True:
            with self._changed:
                while (found := take()) is None:
                    if self._stopping:
                        return
                    self._changed.wait()
            self._do(*found)

    def _next_query(self) -> tuple[Lane, Turn] | None:
        found = _next(self.queries)
        self._query_thread_is_free = found is None
        if self.queries.waiting:
            self._changed.notify_all()
        return found

    def _next_of_any(self) -> tuple[Lane, Turn] | None:
        """A query only when the thread that is not nice has one in hand already."""
        query = None if self._query_thread_is_free else _next(self.queries)
        return query or _next(self.passages)

    def _do(self, lane: Lane, turn: Turn) -> None:
        started = time.monotonic()
        try:
            embedding = self._embed(turn.text)
        except Exception as error:  # noqa: BLE001  a text that fails must not end the thread; its request gets the error
            with self._changed:
                lane.drop(turn.job)
            _settle(turn.job, error)
            return
        self._observer.embedded(lane.name, tokens=embedding.tokens)
        with self._changed:
            self._seconds_per_text += _SMOOTHING * (time.monotonic() - started - self._seconds_per_text)
            turn.job.results[turn.index] = embedding
            complete = len(turn.job.results) == len(turn.job.texts)
        if complete:
            _settle(turn.job, None)


def _job(texts: list[str]) -> Job:
    return Job(texts, asyncio.get_running_loop().create_future())


def _next(lane: Lane) -> tuple[Lane, Turn] | None:
    return (lane, turn) if (turn := lane.take()) else None


def _settle(job: Job, error: Exception | None) -> None:
    """From any thread."""

    def settle() -> None:
        if job.done.done():
            return
        if error is not None:
            job.done.set_exception(error)
        else:
            job.done.set_result(job.ordered())

    job.done.get_loop().call_soon_threadsafe(settle)


def _be_nice(nice: int) -> None:
    # Linux alone has a nice value per thread; elsewhere this would slow the whole process.
    if nice and sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)

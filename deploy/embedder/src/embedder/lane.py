"""A queue of texts that is fair between the requests they came with."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from embedder.model import Embedding


@dataclass(eq=False, slots=True)
class Job:
    """One request's texts of one lane. `done` gets the embeddings, in the order of `texts`, or an exception."""

    texts: list[str]
    done: asyncio.Future[list[Embedding]]
    results: dict[int, Embedding] = field(default_factory=dict)
    taken: int = 0

    @property
    def left(self) -> int:
        return len(self.texts) - self.taken

    def ordered(self) -> list[Embedding]:
        return [self.results[index] for index in range(len(self.texts))]


@dataclass(eq=False, slots=True)
class Turn:
    """One text to embed now."""

    job: Job
    index: int

    @property
    def text(self) -> str:
        return self.job.texts[self.index]


class Lane:
    """Jobs take turns, one text each, so a request of 4 texts need not wait for one of 2,000. Not thread-safe."""

    def __init__(self, name: str, *, limit: int) -> None:
        self.name = name
        self.limit = limit
        """How many texts may wait."""
        self.waiting = 0
        self._ring: deque[Job] = deque()

    def has_room(self, texts: int) -> bool:
        """An empty lane takes any request, or one larger than the limit could never be served."""
        return self.waiting == 0 or self.waiting + texts <= self.limit

    def add(self, job: Job) -> None:
        self._ring.append(job)
        self.waiting += job.left

    def take(self) -> Turn | None:
        if not self._ring:
            return None
        job = self._ring.popleft()
        turn = Turn(job, job.taken)
        job.taken += 1
        self.waiting -= 1
        if job.left:
            self._ring.append(job)
        return turn

    def drop(self, job: Job) -> int:
        """Forgets the texts of `job` that nobody took yet; their number."""
        if job not in self._ring:
            return 0
        self._ring.remove(job)
        self.waiting -= job.left
        return job.left

    def drain(self) -> list[Job]:
        jobs = list(self._ring)
        self._ring.clear()
        self.waiting = 0
        return jobs

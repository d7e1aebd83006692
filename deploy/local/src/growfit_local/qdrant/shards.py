"""The folders of a collection's shard: the one that is read and written, and the copy that is optimised beside it.

A copy is optimised by a process of its own while the shard goes on; what is written meanwhile is kept and written to
the copy as well, which then takes the shard's place. `current` names the folder that counts, so a kill at any moment
leaves one whole shard: the old one with all that was acknowledged, or the new one with the same.
"""

import asyncio
import contextlib
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import qdrant_edge as engine

from growfit_local.home import write_private

_FIRST = "shard"
_POINTER = "current"


class Shard:
    """One folder that the engine has open; it is closed when its last reader has gone."""

    def __init__(self, folder: Path, opened: engine.EdgeShard) -> None:
        self.folder, self.engine = folder, opened
        self._readers = 0
        self._unread = asyncio.Event()
        self._unread.set()

    @contextlib.contextmanager
    def reading(self) -> Iterator[engine.EdgeShard]:
        self._readers += 1
        self._unread.clear()
        try:
            yield self.engine
        finally:
            self._readers -= 1
            if not self._readers:
                self._unread.set()

    async def close(self) -> None:
        await self._unread.wait()
        self.engine.close()


def create(folder: Path, config: engine.EdgeConfig) -> Shard:
    (folder / _FIRST).mkdir(parents=True)
    opened = engine.EdgeShard.create(str(folder / _FIRST), config)
    opened.flush()
    return Shard(folder / _FIRST, opened)


def load(folder: Path) -> Shard:
    """The folder that counts; any other one is what a killed process left."""
    pointer = folder / _POINTER
    name = pointer.read_text("utf-8") if pointer.exists() else _FIRST
    for each in folder.iterdir():
        if each.is_dir() and each.name != name:
            shutil.rmtree(each)
    return Shard(folder / name, engine.EdgeShard.load(str(folder / name)))


class Optimisation:
    """`copy` and `finish` while nobody writes; between them it notes what is written."""

    def __init__(self, collection: Path) -> None:
        self._collection = collection
        self.folder = collection / f"{_FIRST}-{uuid.uuid4()}"
        self._missed: list[engine.UpdateOperation] = []
        self.points = 0

    def copy(self, shard: Shard) -> None:
        shard.engine.flush()
        shutil.copytree(shard.folder, self.folder)

    def note(self, operation: engine.UpdateOperation, *, points: int) -> None:
        self._missed.append(operation)
        self.points += points

    async def run(self) -> bool:
        """Whether the copy is optimised now."""
        command = (sys.executable, "-m", "growfit_local.qdrant.optimise", str(self.folder))
        process = await asyncio.create_subprocess_exec(*command)
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def finish(self) -> Shard:
        """The copy with all that was written since, as the folder that counts."""
        opened = engine.EdgeShard.load(str(self.folder))
        for operation in self._missed:
            opened.update(operation)
        opened.flush()
        write_private(self._collection / _POINTER, self.folder.name)
        return Shard(self.folder, opened)

    def drop(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

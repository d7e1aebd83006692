"""One collection: a shard of the engine in a folder of its own, and the care that the engine leaves to its owner."""

import asyncio
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from growfit_local.qdrant import schema, shards
from growfit_local.qdrant.errors import BadRequest, QdrantError
from growfit_local.qdrant.filters import filter_keys
from growfit_local.qdrant.shards import Optimisation, Shard

log = logging.getLogger(__name__)

# Below so many changed points a search without HNSW takes 2 ms or less.
_WORTH_OPTIMISING = 20_000
_QUIET_SECONDS = 2.0
_FLUSH_SECONDS = 5.0
# What is written beside an optimisation is kept in memory until its end.
_MOST_MISSED = 100_000
_PAUSE_AFTER_FAILURE = 60.0


class Collection:
    """Reads go on beside each other, beside a write and beside an optimisation; writes follow one another."""

    def __init__(self, folder: Path, body: dict[str, Any], shard: Shard) -> None:
        self._folder, self._body, self._shard = folder, body, shard
        self._writing = asyncio.Lock()
        info = shard.engine.info()
        self._indexed = set(info.payload_schema)
        self._operation = 0
        self._unflushed = 0
        self._changed = info.points_count - info.indexed_vectors_count
        self._last_write = self._last_flush = time.monotonic()
        self._optimisation: Optimisation | None = None
        self._optimising: asyncio.Task[None] | None = None
        self._not_before = 0.0

    @classmethod
    def create(cls, folder: Path, body: dict[str, Any]) -> "Collection":
        """A folder without its description is one that was never made to the end; it is made anew."""
        config = schema.parse_collection(body)
        shutil.rmtree(folder, ignore_errors=True)
        shard = shards.create(folder, config)
        (folder / "collection.json").write_text(json.dumps(body), "utf-8")
        return cls(folder, body, shard)

    @classmethod
    def load(cls, folder: Path) -> "Collection":
        body = json.loads((folder / "collection.json").read_text("utf-8"))
        return cls(folder, body, shards.load(folder))

    @property
    def optimised(self) -> bool:
        return self._changed < _WORTH_OPTIMISING

    async def close(self) -> None:
        await self._stop_optimising()
        async with self._writing:
            await self._call(self._shard.engine.flush)
            await self._shard.close()

    async def destroy(self) -> None:
        await self._stop_optimising()
        async with self._writing:
            await self._shard.close()
            # What is not described is not loaded, so half a removal is as good as a whole one.
            (self._folder / "collection.json").unlink()
            await asyncio.to_thread(shutil.rmtree, self._folder)

    async def shown(self) -> dict[str, Any]:
        info = await self.read("info")
        return schema.shown(self._body, info=info, status="green" if self.optimised else "yellow")

    async def index(self, body: Any) -> int:
        name, kind = schema.parse_index(body)
        number = await self.write([(engine.UpdateOperation.create_field_index(name, kind), 0)])
        self._indexed.add(name)
        return number

    async def write(self, operations: Sequence[tuple[engine.UpdateOperation, int]]) -> int:
        """The number of the last operation. What is acknowledged is in the write-ahead log: it survives kill -9."""
        async with self._writing:
            for operation, points in operations:
                await self._call(self._shard.engine.update, operation)
                self._changed += points
                self._unflushed += 1
                self._operation += 1
                if self._optimisation is not None:
                    self._optimisation.note(operation, points=points)
            self._last_write = time.monotonic()
            return self._operation

    async def read[T](self, method: str, *arguments: Any) -> Any:
        with self._shard.reading() as shard:
            return await self._call(getattr(shard, method), *arguments)

    def check_strict(self, filter_json: Any, *, update: bool = False) -> None:
        """What a real server refuses in strict mode: a filter on a field without an index.

        Raises:
            BadRequest: there is one.
        """
        strict = self._body.get("strict_mode_config") or {}
        allowed = strict.get("unindexed_filtering_update" if update else "unindexed_filtering_retrieve")
        if not strict.get("enabled") or allowed is not False:
            return
        if missing := filter_keys(filter_json) - self._indexed:
            raise BadRequest(f'Index required but not found for "{min(missing)}"')

    async def look_after(self) -> None:
        """Called now and then: writes down what the log alone has, and begins to optimise when all is quiet."""
        moment = time.monotonic()
        if self._unflushed and moment - self._last_flush > _FLUSH_SECONDS:
            async with self._writing:
                await self._call(self._shard.engine.flush)
                self._unflushed, self._last_flush = 0, moment
        quiet = moment - self._last_write > _QUIET_SECONDS and moment > self._not_before
        if quiet and not self.optimised and self._optimising is None:
            self._optimising = asyncio.create_task(self._optimise())

    async def _optimise(self) -> None:
        made = Optimisation(self._folder)
        try:
            async with self._writing:
                await self._call(made.copy, self._shard)
                self._optimisation = made
            succeeded = await made.run()
            async with self._writing:
                if not succeeded or made.points > _MOST_MISSED:
                    raise RuntimeError("its process failed, or too much was written meanwhile")
                await self._replace(await self._call(made.finish), points=made.points)
        except Exception:
            # The collection goes on as it is.
            log.exception("%s is not optimised", self._folder.name)
            self._not_before = time.monotonic() + _PAUSE_AFTER_FAILURE
        finally:
            self._optimisation = self._optimising = None
            if self._shard.folder != made.folder:
                await asyncio.to_thread(made.drop)

    async def _replace(self, shard: Shard, *, points: int) -> None:
        """Under `_writing`. Who reads the old shard reads on; it goes when they have."""
        old, self._shard = self._shard, shard
        self._changed = points
        await old.close()
        await asyncio.to_thread(shutil.rmtree, old.folder)

    async def _stop_optimising(self) -> None:
        # Under the lock it is in no thread that would go on.
        async with self._writing:
            if (task := self._optimising) is not None:
                task.cancel()
        if task is not None:
            with suppress(asyncio.CancelledError):
                await task

    async def _call[T](self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.to_thread(work, *arguments)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadRequest(str(error)) from error
        except QdrantError:
            raise
        except Exception as error:
            # The engine has one class for all that it refuses, from a wrong dimension to an unknown vector.
            raise BadRequest(str(error)) from error

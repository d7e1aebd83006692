"""One collection: a shard of the engine in a folder of its own, and the care that the engine leaves to its owner."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from growfit_local.qdrant import schema
from growfit_local.qdrant.errors import BadRequest, QdrantError
from growfit_local.qdrant.filters import filter_keys

# The engine optimises when it is told to, and holds Python's lock until it is done: about 40 s for 100,000 vectors of
# 384 numbers, in which nobody is answered. Below so many changed points a search without HNSW takes 2 ms or less.
_WORTH_OPTIMISING = 20_000
_QUIET_SECONDS = 2.0
_FLUSH_SECONDS = 5.0


class Collection:
    """Reads go on beside each other and beside a write; writes follow one another."""

    def __init__(self, folder: Path, body: dict[str, Any], shard: engine.EdgeShard) -> None:
        self._folder, self._body, self._shard = folder, body, shard
        self._writing = asyncio.Lock()
        self._indexed = set(shard.info().payload_schema)
        self._operation = 0
        self._unflushed = 0
        self._changed = shard.info().points_count - shard.info().indexed_vectors_count
        self._last_write = self._last_flush = time.monotonic()

    @classmethod
    def create(cls, folder: Path, body: dict[str, Any]) -> "Collection":
        """A folder without its description is one that was never made to the end; it is made anew."""
        config = schema.parse_collection(body)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "shard").mkdir(parents=True)
        shard = engine.EdgeShard.create(str(folder / "shard"), config)
        shard.flush()
        (folder / "collection.json").write_text(json.dumps(body), "utf-8")
        return cls(folder, body, shard)

    @classmethod
    def load(cls, folder: Path) -> "Collection":
        body = json.loads((folder / "collection.json").read_text("utf-8"))
        return cls(folder, body, engine.EdgeShard.load(str(folder / "shard")))

    @property
    def optimised(self) -> bool:
        return self._changed < _WORTH_OPTIMISING

    async def close(self) -> None:
        async with self._writing:
            await self._call(self._shard.flush)
            self._shard.close()

    async def destroy(self) -> None:
        async with self._writing:
            self._shard.close()
            # What is not described is not loaded, so half a removal is as good as a whole one.
            (self._folder / "collection.json").unlink()
            await asyncio.to_thread(shutil.rmtree, self._folder)

    async def shown(self) -> dict[str, Any]:
        info = await self._call(self._shard.info)
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
                await self._call(self._shard.update, operation)
                self._changed += points
                self._unflushed += 1
                self._operation += 1
            self._last_write = time.monotonic()
            return self._operation

    async def read[T](self, method: str, *arguments: Any) -> Any:
        return await self._call(getattr(self._shard, method), *arguments)

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
        """Called now and then: writes down what the log alone has, and lets the engine optimise when all is quiet."""
        quiet = time.monotonic() - self._last_write
        if self._unflushed and time.monotonic() - self._last_flush > _FLUSH_SECONDS:
            async with self._writing:
                await self._flush()
        if not self.optimised and quiet > _QUIET_SECONDS:
            async with self._writing:
                await self._call(self._shard.optimize)
                self._changed = 0
                await self._flush()

    async def _flush(self) -> None:
        await self._call(self._shard.flush)
        self._unflushed, self._last_flush = 0, time.monotonic()

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

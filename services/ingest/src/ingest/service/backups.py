"""An index written to a file before it is dropped, and made again from it.

One line an item, compressed. What was deleted since is not brought back: the rows decide.
"""

import asyncio
import base64
import gzip
import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from itertools import batched
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from chassis import tenant
from chassis.database import Database
from chassis.errors import Invalid
from ingest.crud import documents
from ingest.errors import BACKUP_DAMAGED
from ingest.ports import Storage
from retrieval.chunks import Item
from retrieval.store import VectorStoreAdapter

_PAGE = 500
_DOCUMENTS = 100
_EMPTY = gzip.compress(b"", mtime=0)


class BackupService:
    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    async def write(self, store: VectorStoreAdapter, *, key: str) -> dict[str, Any]:
        """Raises Unavailable, StoreUnavailable: nothing is kept."""
        counts = {"chunks": 0, "bytes": 0}
        digest = hashlib.sha256()

        async def pieces() -> AsyncIterator[bytes]:
            after: str | None = None
            while page := await store.scroll(after=after, limit=_PAGE):
                after = page[-1][0]
                piece = await asyncio.to_thread(_packed, page)
                digest.update(piece)
                counts["chunks"] += len(page)
                counts["bytes"] += len(piece)
                yield piece
            if not counts["bytes"]:
                # A file of nothing is a file all the same.
                digest.update(_EMPTY)
                yield _EMPTY

        await self._storage.put(key, pieces())
        return {"key": key, "sha256": digest.hexdigest(), **counts}

    async def read(self, store: VectorStoreAdapter, backup: dict[str, Any]) -> int:
        """Returns the number of chunks that are back.

        Raises:
            Invalid: the file is not what was written.
            Unavailable, StoreUnavailable, FileNotFoundError.
        """
        back = 0
        async with self._storage.fetch(backup["key"]) as path:
            places = await asyncio.to_thread(_places, path, backup["sha256"])
            for part in batched(places.items(), _DOCUMENTS):
                async with self._database.transaction(tenant.PLATFORM) as session:
                    # Locked: a deletion that does not know of this index yet is over first.
                    there = [each for each in part if await documents.is_shown_for_update(session, UUID(each[0]))]
                for _, offsets in there:
                    back += await store.upsert_embeddings(await asyncio.to_thread(_items_at, path, offsets))
        return back


def _packed(page: list[Item]) -> bytes:
    lines = [
        json.dumps([key, base64.b64encode(np.asarray(vector, dtype="<f2").tobytes()).decode(), dict(metadata)])
        for key, vector, metadata in page
    ]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def _places(path: Path, sha256: str) -> dict[str, list[int]]:
    """Where the lines of each document begin in the file, which is unpacked beside itself: a document's chunks lie
    apart, in the order of their ids, and all of them would not fit into memory.

    Raises:
        Invalid: it is not the file that was written.
    """
    with path.open("rb") as packed:
        if hashlib.file_digest(packed, "sha256").hexdigest() != sha256:
            raise Invalid(BACKUP_DAMAGED)
    plain = _plain(path)
    with gzip.open(path) as source, plain.open("wb") as target:
        shutil.copyfileobj(source, target)
    places: dict[str, list[int]] = {}
    with plain.open("rb") as lines:
        at = 0
        for line in lines:
            places.setdefault(json.loads(line)[2]["doc_id"], []).append(at)
            at += len(line)
    return places


def _items_at(path: Path, offsets: list[int]) -> list[Item]:
    with _plain(path).open("rb") as lines:
        found = []
        for offset in offsets:
            lines.seek(offset)
            found.append(_item(json.loads(lines.readline())))
    return found


def _plain(path: Path) -> Path:
    return path.with_suffix(".jsonl")


def _item(record: list[Any]) -> Item:
    key, vector, metadata = record
    return key, np.frombuffer(base64.b64decode(vector), dtype="<f2").astype(np.float32), metadata

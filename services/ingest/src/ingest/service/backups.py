"""An index written to a file before it is dropped, and made again from it.

One line an item, compressed. What was deleted since is not brought back: the rows decide.
"""

import asyncio
import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
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
        async with self._storage.fetch(backup["key"]) as path:
            lines = await asyncio.to_thread(_lines, path.read_bytes(), backup["sha256"])
        by_document: dict[str, list[Item]] = {}
        for line in lines:
            item = _item(json.loads(line))
            by_document.setdefault(item[2]["doc_id"], []).append(item)
        back = 0
        for document_id, items in by_document.items():
            async with self._database.transaction(tenant.PLATFORM) as session:
                is_there = await documents.is_searchable(session, UUID(document_id))
            if is_there:
                back += await store.upsert_embeddings(items)
        return back


def _packed(page: list[Item]) -> bytes:
    lines = [
        json.dumps([key, base64.b64encode(np.asarray(vector, dtype="<f2").tobytes()).decode(), dict(metadata)])
        for key, vector, metadata in page
    ]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def _lines(content: bytes, sha256: str) -> list[str]:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Invalid(BACKUP_DAMAGED)
    return gzip.decompress(content).decode().splitlines()


def _item(record: list[Any]) -> Item:
    key, vector, metadata = record
    return key, np.frombuffer(base64.b64decode(vector), dtype="<f2").astype(np.float32), metadata

"""Writing whole documents into a store without transactions.

A new generation of a document is written hidden, made visible by one request, and then the old one is deleted. A
search that comes in between sees both and keeps the later (qdrant_search). A writer that is killed leaves hidden
points or an old generation behind; the next writer of that document, or the same one again, takes them away. Points
are deleted by their ids, found by reading and checked after: a filter can miss what its index has lost.
"""

import asyncio
import time
import uuid
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import batched
from typing import Any

from qdrant_client import models

from retrieval.chunks import Chunk
from retrieval.errors import ItemInvalid, StoreUnavailable
from retrieval.qdrant_connection import Client
from retrieval.qdrant_filters import has_id, within
from retrieval.qdrant_index import DELETED_AT, LIVE, Index
from retrieval.qdrant_points import Held, point, read, read_held, tombstone, tombstone_id

# About 10 kB a point; a server takes 32 MB.
_POINTS = 200
_DOCUMENTS = 500
_IDS = 1_000

_locks: weakref.WeakValueDictionary[tuple[str, str, uuid.UUID], asyncio.Lock] = weakref.WeakValueDictionary()


@asynccontextmanager
async def locked(url: str, index: Index, documents: Iterable[uuid.UUID]) -> AsyncIterator[None]:
    """Writers of one document follow one another within this process; in the order of ids, so none waits in a ring."""
    async with AsyncExitStack() as stack:
        for doc_id in sorted(set(documents)):
            lock = _locks.setdefault((url, index.alias, doc_id), asyncio.Lock())
            await stack.enter_async_context(lock)
        yield


async def replace(client: Client, index: Index, chunks: Sequence[Chunk]) -> int:
    """Under `locked`. Returns the number of chunks written; the documents that are newer here are left alone."""
    documents = sorted({chunk.doc_id for chunk in chunks})
    held: dict[uuid.UUID, list[Held]] = {doc_id: [] for doc_id in documents}
    for part in batched(documents, _DOCUMENTS):
        for each in await read_held(client, index, part):
            held[each.doc_id].append(each)
    await _refuse_taken(client, index, chunks, held)
    fresh = [chunk for chunk in chunks if not _is_late(chunk, held[chunk.doc_id])]
    await _write(client, index, fresh, held)
    written = {str(chunk.id) for chunk in fresh}
    replaced = {chunk.doc_id for chunk in fresh}
    surplus = [each.id for doc_id in replaced for each in held[doc_id] if each.id not in written]
    await _delete_points(client, index, surplus)
    return len(fresh)


def _is_late(chunk: Chunk, held: Sequence[Held]) -> bool:
    return any(
        each.version >= chunk.version if each.is_tombstone else each.live and each.version > chunk.version
        for each in held
    )


async def _refuse_taken(
    client: Client, index: Index, chunks: Sequence[Chunk], held: dict[uuid.UUID, list[Held]]
) -> None:
    """Raises ItemInvalid for an id that another document's chunk has."""
    owners = {str(chunk.id): str(chunk.doc_id) for chunk in chunks}
    known = {each.id for points in held.values() for each in points}
    for part in batched([key for key in owners if key not in known], _IDS):
        for record in await client.retrieve(index.alias, list(part), with_payload=["doc_id"]):
            if (record.payload or {}).get("doc_id") != owners[str(record.id)]:
                raise ItemInvalid(f"the id {record.id} belongs to another document")
    for points in held.values():
        for each in points:
            if owners.get(each.id, str(each.doc_id)) != str(each.doc_id):
                raise ItemInvalid(f"the id {each.id} belongs to another document")


async def _write(client: Client, index: Index, fresh: Sequence[Chunk], held: dict[uuid.UUID, list[Held]]) -> None:
    """Ids that a search sees already (the same version written again) are overwritten where they are; those of
    another version, written by another process meanwhile, are not.
    """
    seen = {each.id for points in held.values() for each in points if each.live}
    staying = {chunk.doc_id for chunk in fresh if str(chunk.id) in seen}
    generations = {
        doc_id: max((each.generation for each in points), default=0) + (doc_id not in staying)
        for doc_id, points in held.items()
    }
    sizes = Counter(chunk.doc_id for chunk in fresh)

    def made(chunk: Chunk, *, live: bool) -> models.PointStruct:
        return point(chunk, live=live, generation=generations[chunk.doc_id], size=sizes[chunk.doc_id])

    hidden = [chunk for chunk in fresh if str(chunk.id) not in seen]
    for part in batched(hidden, _POINTS):
        points = [made(chunk, live=False) for chunk in part]
        await _upsert(client, index, points, version=max(chunk.version for chunk in part))
    for part in batched([chunk for chunk in fresh if str(chunk.id) in seen], _POINTS):
        points = [made(chunk, live=True) for chunk in part]
        await _upsert(client, index, points, version=max(chunk.version for chunk in part))
    await set_payload(client, index, [str(chunk.id) for chunk in hidden], {LIVE: 1})


async def _upsert(client: Client, index: Index, points: list[models.PointStruct], *, version: int) -> None:
    older = models.Filter(must=[within("version", lte=version)])
    await client.upsert(index.alias, points, wait=True, update_filter=older)


async def set_payload(client: Client, index: Index, ids: Sequence[str], payload: dict[str, Any]) -> None:
    """One request, so a document's chunks change together."""
    if ids:
        await client.set_payload(index.alias, payload, points=list(ids), wait=True)


async def update_scopes(client: Client, index: Index, doc_id: uuid.UUID, scopes: list[str], version: int) -> int:
    """Under `locked`."""
    live = [each for each in await read_held(client, index, [doc_id]) if each.live]
    if any(each.version > version for each in live):
        return 0
    # Another process may have written a newer version since: what is newer stays.
    older = models.Filter(must=[has_id([each.id for each in live]), within("version", lte=version)])
    if live:
        await client.set_payload(index.alias, {"scopes": scopes, "version": version}, points=older, wait=True)
    changed = [each for each in await read_held(client, index, [doc_id]) if each.live]
    return 0 if any(each.version > version for each in changed) else len(live)


async def delete(client: Client, index: Index, doc_id: uuid.UUID, version: int | None) -> int:
    """Under `locked`. The tombstone stands before the first chunk goes."""
    held = await read_held(client, index, [doc_id])
    buried = max((each.version for each in held if each.is_tombstone), default=0)
    if version is not None:
        if any(each.live and each.version > version for each in held):
            return 0
        await client.upsert(index.alias, [tombstone(doc_id, version=max(version, buried))], wait=True)
    await _delete_points(client, index, [each.id for each in held if not each.is_tombstone])
    return sum(each.live for each in held)


async def purge_tombstones(client: Client, index: Index, older_than_seconds: float) -> int:
    old = models.Filter(must=[within(DELETED_AT, lte=int(time.time() - older_than_seconds))])
    ids = [str(each.id) for each in await read(client, index, old, payload=["doc_id"], vectors=False)]
    await _delete_points(client, index, ids)
    return len(ids)


async def read_tombstone(client: Client, index: Index, doc_id: uuid.UUID) -> int | None:
    for record in await client.retrieve(index.alias, [tombstone_id(doc_id)], with_payload=["version"]):
        return int((record.payload or {})["version"])
    return None


async def _delete_points(client: Client, index: Index, ids: Sequence[str]) -> None:
    for part in batched(ids, _IDS):
        await client.delete(index.alias, points_selector=list(part), wait=True)
        if left := await client.retrieve(index.alias, list(part), with_payload=False):
            raise StoreUnavailable(f"{len(left)} of {len(part)} deleted points are still there")

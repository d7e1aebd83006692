"""Bringing an index to where a document's row is: one path for what is new, changed, shared, deleted, or repaired.

It looks at the row and never at an event, so that order and repetition do not matter. Whoever changes what an index
shall show gives the row a new version and marks every index as due, in one transaction. Telling an index happens under
a lease, one teller a document and index, and ends when the row's version has stood still meanwhile. A teller that dies
leaves the mark, and the sweep takes it up. A teller that outlives its lease is stopped by the index, which refuses
older versions.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Unavailable
from contracts.ingest import DocumentShared
from ingest.crud import chunks, document_shares, documents, indexes, queue
from ingest.errors import INDEX_UNAVAILABLE
from ingest.models import GONE, Chunk, Document, State
from ingest.service.embedding import EmbeddingService
from ingest.service.indexing import Indexes, index_errors
from ingest.service.permission import scopes_of
from ingest.service.uploads import tenant_of
from retrieval.chunks import MAX_HEADINGS, Item
from retrieval.store import VectorStoreAdapter

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
WAIT_SECONDS = 20.0
SWEPT_AT_ONCE = 200
TOLD_AT_ONCE = 8
_POLL_SECONDS = 0.05
# Characters of a heading that search shows: a paragraph in bold may pass for one.
_HEADING = 200
# An index that is away is tried again after 1, 2, 4, … seconds, and at least every five minutes.
_LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Told:
    """Of a document that is gone: chunks that the index has given up, and chunks that are left."""

    deleted: int = 0
    remaining: int = 0


@dataclass(frozen=True)
class _Aim:
    """What an index shall show of a document. `revision` None: nothing. `items`: empty when only scopes differ."""

    version: int
    revision: int | None = None
    scopes: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)


class SyncService:
    def __init__(self, database: Database, stores: Indexes, embedding: EmbeddingService) -> None:
        self._database = database
        self._stores = stores
        self._embedding = embedding

    async def sync(self, document_id: UUID, *, everywhere: bool = False) -> None:
        """Tell the indexes that are read and have yet to be told, or all `everywhere`. Another one than the primary
        that is away is told later, and so is one that is only written.

        Raises:
            Unavailable: the primary index, or the database.
        """
        async with self._database.transaction(tenant.PLATFORM) as session:
            holders = await indexes.list_of_document(session, document_id)
        for index in holders:
            if not (everywhere or index.is_primary or index.is_read):
                continue
            try:
                await self.sync_index(document_id, index.index_id)
            except Unavailable as error:
                if everywhere or index.is_primary:
                    raise
                log.warning("%s has yet to be told of %s: %s", index.index_id, document_id, error)

    async def sync_index(self, document_id: UUID, index_id: str, *, waits: bool = True) -> None:
        """`waits`: for whoever is at it already. Raises Unavailable, and then the sweep goes on with it."""
        lease_id = await self._lease(document_id, index_id, seconds=WAIT_SECONDS if waits else 0)
        if lease_id is None:
            return
        try:
            async with self._kept(document_id, index_id, lease_id):
                await self._tell_until_still(document_id, index_id, lease_id)
        except BaseException as error:
            await self._put_off(document_id, index_id, lease_id, error)
            raise

    async def sweep(self) -> bool:
        """Tell what an interrupted run, an index that was away, or a backfill has left. False: nothing was due.

        An index that is away holds up no other: each has turns of its own, and one that fails again and again is left
        alone until the next sweep.
        """
        async with self._database.transaction(tenant.PLATFORM) as session:
            due = await indexes.list_due(session, limit=SWEPT_AT_ONCE)
        turns = {index_id: asyncio.Semaphore(TOLD_AT_ONCE) for _, index_id in due}
        failures = Counter[str]()

        async def tell(document_id: UUID, index_id: str) -> None:
            async with turns[index_id]:
                if failures[index_id] >= TOLD_AT_ONCE:
                    return
                try:
                    await self.sync_index(document_id, index_id, waits=False)
                except Unavailable:
                    failures[index_id] += 1
                else:
                    failures[index_id] = 0

        done = await asyncio.gather(*(tell(*each) for each in due), return_exceptions=True)
        for error in done:
            if error is not None:
                log.error("an index could not be told", exc_info=error)
        return bool(due)

    async def _lease(self, document_id: UUID, index_id: str, *, seconds: float) -> UUID | None:
        """None: nothing is due, perhaps because somebody else has just done it, or is not waited for."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            async with self._database.transaction(tenant.PLATFORM) as session:
                if not await indexes.is_due(session, document_id, index_id):
                    return None
                lease_id = await indexes.take_lease(session, document_id, index_id, lasting=LEASE)
            if lease_id is not None or not seconds:
                return lease_id
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(INDEX_UNAVAILABLE)
            await asyncio.sleep(_POLL_SECONDS)

    @asynccontextmanager
    async def _kept(self, document_id: UUID, index_id: str, lease_id: UUID) -> AsyncIterator[None]:
        async def keep() -> None:
            while True:
                await asyncio.sleep(LEASE.total_seconds() / 3)
                with suppress(Unavailable):
                    async with self._database.transaction(tenant.PLATFORM) as session:
                        await indexes.extend_lease(session, document_id, index_id, lease_id, by=LEASE)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()

    async def _tell_until_still(self, document_id: UUID, index_id: str, lease_id: UUID) -> None:
        store = await self._stores.get(index_id)
        is_still = False
        while not is_still:
            await self._embedding.embed_shown(document_id, store.model.name)
            try:
                aim = await self._aim(document_id, index_id, model=store.model.name)
            except Unembedded:
                # Newer content has come between the two.
                continue
            async with index_errors():
                if aim.revision is None and (held := await store.count({"doc_id": str(document_id)})):
                    # Before it goes: a kill right after that must not lose the number.
                    await self._note_held(document_id, index_id, held)
                told = await _tell(store, document_id, aim)
                ahead = await _version_ahead(store, document_id, aim) if told is None or told.remaining else None
            if ahead is not None:
                # As after a database was restored: the index has refused what is older to it.
                await self._overtake(document_id, index_id, ahead)
            elif told is None:
                # It has lost what it was believed to hold.
                await self._forget(document_id, index_id)
            else:
                is_still = await self._note(document_id, index_id, lease_id, aim, told)

    async def _aim(self, document_id: UUID, index_id: str, *, model: str) -> _Aim:
        async with self._database.transaction(tenant.PLATFORM, snapshot=True) as session:
            document = await documents.get(session, document_id)
            if document is None or document.state in GONE or document.live_revision is None:
                return _Aim(document.version if document else 0)
            staying = await _staying(session, document)
            held = await indexes.get_held_revision(session, document_id, index_id)
            if held == document.live_revision:
                return _Aim(document.version, document.live_revision, staying)
            items = await _items(session, document, model=model, scopes=staying)
        return _Aim(document.version, document.live_revision, staying, items)

    async def _note_held(self, document_id: UUID, index_id: str, held: int) -> None:
        async with self._database.transaction(tenant.PLATFORM) as session:
            document = await documents.get_for_update(session, document_id)
            if document is not None and document.state in GONE:
                document.receipt = _counted(document.receipt, index_id, Told(deleted=held, remaining=held))

    async def _note(self, document_id: UUID, index_id: str, lease_id: UUID, aim: _Aim, told: Told) -> bool:
        """False: the row has gone on meanwhile. A lease that went to somebody else ends it as well."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            document = await documents.get_for_update(session, document_id)
            held = await indexes.get_leased(session, document_id, index_id, lease_id)
            if document is None:
                return True
            if held is None:
                # It has outlived its lease, and may have written over what somebody newer wrote: once more, from anew.
                await indexes.mark_document_due(session, document_id, index_id, forget=True)
                return True
            held.version, held.revision = aim.version, aim.revision
            if document.state in GONE:
                document.receipt = _counted(document.receipt, index_id, told)
            if document.version != aim.version:
                return False
            held.due_at = held.due_since = held.error = held.lease_id = held.leased_until = None
            held.attempts = 0
            await session.flush()
            if document.state not in GONE and not await indexes.is_due_where_read(session, document_id):
                await self._shrink(session, document, aim.scopes)
        return True

    async def _shrink(self, session: AsyncSession, document: Document, scopes: list[str]) -> None:
        """No search shows the document to whoever leaves any more: now the row says so too."""
        await document_shares.delete_leaving(session, document.document_id)
        if document.live_revision is None or document.scopes == scopes:
            return
        document.scopes = scopes
        if was_told(document):
            await outbox.add(session, shared_event(document))

    async def _overtake(self, document_id: UUID, index_id: str, version: int) -> None:
        """Give the row a version beyond the index's, and tell every index of it."""
        log.warning("%s is ahead of the row of %s, which goes on from version %d", index_id, document_id, version)
        async with self._database.transaction(tenant.PLATFORM) as session:
            document = await documents.get_for_update(session, document_id)
            if document is None or document.version >= version:
                return
            document.version = version + 1
            await indexes.update_held_revision(session, document_id, index_id, None)
            if document.state in GONE:
                await indexes.mark_gone_due(session, document_id)
            else:
                await indexes.mark_due(session, document_id)

    async def _forget(self, document_id: UUID, index_id: str) -> None:
        async with self._database.transaction(tenant.PLATFORM) as session:
            await indexes.update_held_revision(session, document_id, index_id, None)

    async def _put_off(self, document_id: UUID, index_id: str, lease_id: UUID, error: BaseException) -> None:
        with suppress(Unavailable):
            async with self._database.transaction(tenant.PLATFORM) as session:
                held = await indexes.get_leased(session, document_id, index_id, lease_id)
                if held is None:
                    return
                held.lease_id = held.leased_until = None
                if isinstance(error, Exception):
                    held.attempts += 1
                    held.error = str(error)[:500]
                    pause = min(timedelta(seconds=2 ** min(held.attempts - 1, 20)), _LONGEST_PAUSE)
                    held.due_at = await queue.from_now(session, pause)


def _counted(receipt: dict[str, Any] | None, index_id: str, told: Told) -> dict[str, Any]:
    """The receipt with what this index has given up or still has to, also over several runs."""
    counts = dict((receipt or {}).get("indexes", {}))
    before = counts.get(index_id, {"deleted": 0, "remaining": 0})
    # What was left is counted already; whatever is found beyond it came later.
    deleted = before["deleted"] + max(told.deleted - before["remaining"], 0)
    counts[index_id] = {"deleted": deleted, "remaining": told.remaining}
    return {**(receipt or {}), "indexes": counts}


async def _tell(store: VectorStoreAdapter, document_id: UUID, aim: _Aim) -> Told | None:
    """None: the index does not hold the revision that it was believed to hold, or refuses this one."""
    key = str(document_id)
    if aim.revision is None:
        deleted = await store.delete_by_doc_id(key, version=aim.version)
        return Told(deleted=deleted, remaining=await store.count({"doc_id": key}))
    if aim.items:
        return Told() if await store.upsert_embeddings(aim.items) else None
    return Told() if await store.update_scopes(key, aim.scopes, version=aim.version) else None


async def _version_ahead(store: VectorStoreAdapter, document_id: UUID, aim: _Aim) -> int | None:
    """The version that the index has of the document, or of its deletion, if that is beyond the row's."""
    key = str(document_id)
    buried = await store.tombstone(key)
    # What is buried at this very version is refused as well.
    known = max([*(await store.ids(key)).values(), -1 if buried is None else buried + (aim.revision is not None)])
    return known if known > aim.version else None


class Unembedded(Exception):
    """There are chunks that this model has not seen yet."""


async def _staying(session: AsyncSession, document: Document) -> list[str]:
    held = await document_shares.list_for_document(session, document.document_id)
    return scopes_of(document.owner_id, [each.scope for each in held if each.stays])


async def shown_items(session: AsyncSession, document_id: UUID, *, model: str) -> list[Item]:
    """What an index with this model shall hold of the document; nothing of one that is gone, or that the model has not
    seen whole.
    """
    document = await documents.get(session, document_id)
    if document is None or document.state in GONE or document.live_revision is None:
        return []
    try:
        return await _items(session, document, model=model, scopes=await _staying(session, document))
    except Unembedded:
        return []


async def items_by_chunk(session: AsyncSession, chunk_ids: Sequence[UUID], *, model: str) -> list[Item]:
    """The same of these chunks, whatever documents they are of; those that no index shall hold are left out."""
    rows = await chunks.list_shown(session, chunk_ids, model=model)
    shown = {document.document_id: document for _, document, _ in rows}
    staying: dict[UUID, list[str]] = {each: [] for each in shown}
    for share in await document_shares.list_for_documents(session, shown):
        if share.stays:
            staying[share.document_id].append(share.scope)
    scopes = {key: scopes_of(shown[key].owner_id, held) for key, held in staying.items()}
    return [_item(document, row, vector, scopes=scopes[document.document_id]) for row, document, vector in rows]


async def _items(session: AsyncSession, document: Document, *, model: str, scopes: list[str]) -> list[Item]:
    """Raises Unembedded."""
    revision = document.live_revision
    assert revision is not None  # noqa: S101  the caller looked
    rows = await chunks.list_for_revision(session, document.document_id, revision)
    vectors = await chunks.list_embeddings(session, document.document_id, revision, model=model)
    if any(row.ordinal not in vectors for row in rows):
        raise Unembedded
    return [_item(document, row, vectors[row.ordinal].embedding, scopes=scopes) for row in rows]


def _item(document: Document, row: Chunk, embedding: bytes, *, scopes: list[str]) -> Item:
    metadata = {
        "doc_id": str(document.document_id),
        "version": document.version,
        "ordinal": row.ordinal,
        "scopes": scopes,
        "title": shown_title(document),
        "page_from": row.page_from,
        "page_to": row.page_to,
        "char_start": row.char_start,
        "char_end": row.char_end,
        "headings": [each[:_HEADING] for each in row.headings[-MAX_HEADINGS:]],
        "text": row.text,
        **({"terms": row.terms} if row.terms is not None else {}),
    }
    return str(row.chunk_id), np.frombuffer(embedding, dtype="<f4"), metadata


def shown_title(document: Document) -> str:
    """Of what search finds: while a newer file is worked on, the one before."""
    is_newer = document.live is not None and document.live_revision != document.revision
    return str(document.live["title"]) if is_newer and document.live else document.title


def was_told(document: Document) -> bool:
    """Whether others know of it. Of one that is not ready for the first time, its being ready tells all."""
    return document.state == State.READY or document.live is not None


def shared_event(document: Document) -> DocumentShared:
    return DocumentShared(
        document_id=document.document_id,
        version=document.version,
        tenant=tenant_of(document),
        title=shown_title(document),
        scopes=document.scopes,
        shared_at=now(),
    )

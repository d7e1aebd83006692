"""Deleting a document so that nothing is left, and saying so with counts."""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, outbox, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Forbidden, NotFound, Unavailable
from contracts.ingest import DocumentDeleted
from contracts.usage import Outcome
from ingest.crud import chunks, document_shares, documents, indexes
from ingest.errors import DELETION_INCOMPLETE, DOCUMENT_NOT_FOUND, NOT_THE_OWNER
from ingest.models import Document, State
from ingest.ports import Storage
from ingest.service import billing, permission
from ingest.service.indexing import Indexes, index_errors
from ingest.service.recipes import RecipeBook
from ingest.service.syncing import SyncService
from ingest.service.uploads import tenant_of

log = logging.getLogger(__name__)

STANDSTILL = timedelta(minutes=1)
# A writer that outlives its lease comes minutes late and not hours.
_LATE = timedelta(minutes=10)
# Longer than any migration is held: until then an index refuses what is older than a deletion.
_REMEMBERED = timedelta(days=30)


class DeletionService:
    def __init__(
        self, database: Database, storage: Storage, stores: Indexes, syncs: SyncService, *, book: RecipeBook
    ) -> None:
        self._database = database
        self._storage = storage
        self._stores = stores
        self._syncs = syncs
        self._book = book

    async def delete(self, caller: Principal, document_id: UUID) -> dict[str, Any]:
        """Delete everything of the document and return the receipt.

        Raises:
            NotFound: not there, or not the caller's to see.
            Forbidden: seen through a class, but somebody else's.
            Unavailable: begun and not finished; the sweeper goes on with it.
        """
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            visible = await permission.visible_to(session, caller.user_id)
            found = await documents.get_visible(
                session, document_id, user_id=visible.user_id, class_ids=visible.class_ids
            )
            if found is None:
                raise NotFound(DOCUMENT_NOT_FOUND)
            if found.owner_id != caller.user_id:
                raise Forbidden(NOT_THE_OWNER)
            await documents.get_for_update(session, document_id)
            if found.state == State.DELETED:
                raise NotFound(DOCUMENT_NOT_FOUND)
            if found.state != State.DELETING:
                await _record(session, caller, found)
            await _begin(session, found)
        try:
            return await self._finish(found)
        except Unavailable as error:
            raise Unavailable(DELETION_INCOMPLETE, headers={"Retry-After": "30"}) from error

    async def erase(self, document_id: UUID) -> None:
        """The same for a person who is erased, and nobody's act. Raises Unavailable."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            document = await documents.get_for_update(session, document_id)
            if document is None or document.state == State.DELETED:
                return
            await _begin(session, document)
        await self._finish(document)

    async def sweep(self) -> None:
        """Finish deletions that were begun and stand still, and see that nobody wrote of a deleted document since."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            standing = await documents.list_deleting(session, since=now() - STANDSTILL, limit=50)
            for document in standing:
                document.updated_at = now()
            late = await documents.list_deleted(session, since=now() - _LATE, limit=500)
            written = [each.index_id for each in await indexes.list_all(session) if each.is_written]
        for document in standing:
            try:
                await self._finish(document)
            except Unavailable as error:
                # One that cannot be finished now must not hold up the others.
                log.warning("%s is put off: %s", document.document_id, error)
        for index_id in written:
            store = await self._stores.get(index_id)
            # Of a worker that outlived its lease on a document.
            async with index_errors():
                for document in late:
                    await store.delete_by_doc_id(str(document.document_id), version=document.version)

    async def forget_old(self) -> None:
        """Let the indexes forget deletions of long ago. Raises Unavailable."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            written = [each.index_id for each in await indexes.list_all(session) if each.is_written]
        for index_id in written:
            store = await self._stores.get(index_id)
            async with index_errors():
                await store.purge_tombstones(older_than_seconds=_REMEMBERED.total_seconds())

    async def _finish(self, document: Document) -> dict[str, Any]:
        document_id = document.document_id
        await self._syncs.sync(document_id, everywhere=True)
        objects = await self._delete_files(document)
        async with self._database.transaction(tenant.of_tenant(tenant_of(document))) as session:
            row = await documents.get_for_update(session, document_id)
            if row is None or row.state != State.DELETING:
                return dict(row.receipt or {}) if row else {}
            await billing.record(session, row, self._book, outcome=Outcome.CANCELLED)
            rows = await chunks.delete_for_document(session, document_id)
            await document_shares.delete_for_document(session, document_id)
            counts = (row.receipt or {}).get("indexes", {})
            vectors, left = (sum(each[name] for each in counts.values()) for name in ("deleted", "remaining"))
            receipt = {
                "deleted": {"vectors": vectors, "objects": objects, "chunks": rows},
                "remaining": {
                    "vectors": left,
                    "objects": 0,
                    "chunks": await chunks.count(session, document_id),
                },
                "indexes": counts,
                "deleted_at": now().isoformat(),
            }
            row.state = State.DELETED.value
            row.title = row.sha256 = ""
            row.live = row.refused = None
            row.receipt = receipt
            row.updated_at = now()
            event = DocumentDeleted(
                document_id=document_id,
                version=row.version,
                tenant=tenant_of(row),
                chunks_deleted=rows,
                deleted_at=now(),
            )
            await outbox.add(session, event)
        return receipt

    async def _delete_files(self, document: Document) -> int:
        """How many there were, also when an earlier run was killed among them: it has noted that before."""
        there = [key for key in _files(document) if await self._is_stored(key)]
        async with self._database.transaction(tenant.of_tenant(tenant_of(document))) as session:
            row = await documents.get_for_update(session, document.document_id)
            if row is None:
                return 0
            noted = dict(row.receipt or {})
            objects: int = noted.setdefault("objects", len(there))
            if row.state == State.DELETING:
                row.receipt = noted
        for key in there:
            await self._storage.delete(key)
        return objects

    async def _is_stored(self, key: str) -> bool:
        try:
            await self._storage.size(key)
        except FileNotFoundError:
            return False
        return True


async def _begin(session: AsyncSession, document: Document) -> None:
    if document.state != State.DELETING:
        document.state = State.DELETING.value
        document.version += 1
        await indexes.mark_gone_due(session, document.document_id)
    # Takes the document out of a worker's hands: its next write fails.
    document.claim_id = document.claimed_until = None
    document.dedupe_key = None
    document.updated_at = now()


def _files(document: Document) -> set[str]:
    """The file, and while newer content was worked on, the one before it."""
    return {document.storage_key} | ({document.live["storage_key"]} if document.live else set())


async def _record(session: AsyncSession, caller: Principal, document: Document) -> None:
    await audit.record(
        session,
        "document.deleted",
        actor=caller,
        target=f"document/{document.document_id}",
        org_id=document.org_id,
        partner_id=document.partner_id,
        class_id=document.class_id,
    )

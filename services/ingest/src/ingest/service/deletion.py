"""Deleting a document so that nothing is left, and saying so with counts."""

import logging
from collections.abc import Awaitable, Callable
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
from ingest.crud import chunks, document_classes, documents
from ingest.errors import DELETION_INCOMPLETE, DOCUMENT_NOT_FOUND, NOT_THE_OWNER
from ingest.models import Document, State
from ingest.ports import Storage
from ingest.service import billing, permission
from ingest.service.indexing import index_errors
from ingest.service.processing import Recipe
from ingest.service.uploads import tenant_of, uploaded_event
from retrieval.store import VectorStoreAdapter

log = logging.getLogger(__name__)

STANDSTILL = timedelta(minutes=10)


class DeletionService:
    def __init__(self, database: Database, storage: Storage, index: VectorStoreAdapter, *, recipe: Recipe) -> None:
        self._database = database
        self._storage = storage
        self._index = index
        self._recipe = recipe

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
            _begin(found)
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
            _begin(document)
        await self._finish(document)

    async def sweep(self) -> None:
        """Take up what stands still: unfinished documents are announced again, begun deletions finished."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            standing = await documents.list_standing_still(session, since=now() - STANDSTILL, limit=50)
            # While the bus is away the announcements wait in the outbox, and further ones would only add to them.
            is_relayed = await outbox.oldest_unpublished_seconds(session) < STANDSTILL.total_seconds()
            for document in standing:
                document.updated_at = now()
                if document.state != State.DELETING and is_relayed:
                    await outbox.add(session, uploaded_event(document))
            late = await documents.list_deleted(session, since=now() - timedelta(hours=1), limit=500)
        for document in standing:
            if document.state == State.DELETING:
                await self._alone(document, self._finish)
        for document in late:
            # A worker that was killed between its last write and its own clean-up; its message cleans up as well.
            await self._alone(document, self._delete_vectors)

    async def _alone(self, document: Document, work: Callable[[Document], Awaitable[object]]) -> None:
        """One document that cannot be finished now must not hold up the others."""
        try:
            await work(document)
        except Unavailable as error:
            log.warning("%s is put off: %s", document.document_id, error)

    async def _delete_vectors(self, document: Document) -> None:
        async with index_errors():
            await self._index.delete_by_doc_id(str(document.document_id))

    async def _finish(self, document: Document) -> dict[str, Any]:
        document_id = document.document_id
        async with index_errors():
            vectors = await self._index.delete_by_doc_id(str(document_id))
            left = (await self._index.checksum(str(document_id))).chunks
        objects = await self._storage.delete(document.storage_key)
        async with self._database.transaction(tenant.of_tenant(tenant_of(document))) as session:
            row = await documents.get_for_update(session, document_id)
            if row is None or row.state != State.DELETING:
                return dict(row.receipt or {}) if row else {}
            await billing.record(
                session, row, model=self._recipe.model, provider=self._recipe.provider, outcome=Outcome.CANCELLED
            )
            rows = await chunks.delete_for_document(session, document_id)
            await document_classes.delete_for_document(session, document_id)
            receipt = {
                "deleted": {"vectors": vectors, "objects": objects, "chunks": rows},
                "remaining": {
                    "vectors": left,
                    "objects": 0,
                    "chunks": await chunks.count(session, document_id),
                },
                "deleted_at": now().isoformat(),
            }
            row.state = State.DELETED.value
            row.title = row.sha256 = ""
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


def _begin(document: Document) -> None:
    document.state = State.DELETING.value
    # Takes the document out of a worker's hands: its next write fails and it cleans up after itself.
    document.claim_id = None
    document.dedupe_key = None
    document.updated_at = now()


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

"""What an owner does to a document that is worked on, or that came to a bad end."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, Forbidden, NotFound
from ingest.crud import documents
from ingest.errors import (
    CANCELLED,
    DOCUMENT_DUPLICATE,
    DOCUMENT_NOT_FOUND,
    NOT_IN_PROGRESS,
    NOT_READY,
    NOT_THE_OWNER,
    NOTHING_TO_RETRY,
)
from ingest.models import ENDED_BADLY, WORKING, Document, State
from ingest.ports import Storage
from ingest.service import discarding, endings, permission
from ingest.service.recipes import RecipeBook

# A document that waits for its turn, as if for the first time.
WAITING: Mapping[str, Any] = {
    "state": State.UPLOADED.value,
    "reason": None,
    "reason_values": {},
    "attempts": 0,
    "queued_at": func.now(),
    "updated_at": func.now(),
}


class LifecycleService:
    def __init__(self, database: Database, storage: Storage, *, book: RecipeBook) -> None:
        self._database = database
        self._storage = storage
        self._book = book

    async def cancel(self, caller: Principal, document_id: UUID) -> Document:
        """Stop the work on it. Newer content of a document that is ready is dropped, and the document stays as it was.

        Raises:
            NotFound: not there, or not the caller's to see.
            Forbidden: somebody else's.
            Conflict: nobody works on it, or it is as good as ready.
        """
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            document = await owned(session, caller, document_id)
            if document.state not in WORKING or document.live_revision == document.revision:
                raise Conflict(NOT_IN_PROGRESS, state=document.state)
            unneeded = await endings.end(
                session, document, self._book, state=State.CANCELLED, reason=CANCELLED.code, values={}
            )
        if unneeded is not None:
            await discarding.delete(self._database, self._storage, unneeded)
        return document

    async def retry(self, caller: Principal, document_id: UUID) -> Document:
        """Begin again where it ended: what was embedded is kept.

        Raises:
            NotFound, Forbidden: as `cancel`.
            Conflict: it has not come to a bad end; or the same file lives again as another document.
        """
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            document = await owned(session, caller, document_id)
            if document.state not in ENDED_BADLY:
                raise Conflict(NOTHING_TO_RETRY, state=document.state)
            if not await documents.update_to_living(session, document, **WAITING):
                twin = await documents.get_by_dedupe_key(session, document.dedupe_key or "")
                raise Conflict(
                    DOCUMENT_DUPLICATE,
                    document_title=twin.title if twin else "",
                    document_id=twin.document_id if twin else None,
                )
        return document

    async def reprocess(self, caller: Principal, document_id: UUID) -> Document:
        """Read, cut and embed its file anew, by the recipe that holds now. Search finds it as it was until then.

        Raises:
            NotFound, Forbidden: as `cancel`.
            Conflict: it is worked on already, or it failed, which `retry` is for.
        """
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            document = await owned(session, caller, document_id)
            if document.state != State.READY:
                raise Conflict(NOT_READY, state=document.state)
            await documents.update_to_living(session, document, **revised(document))
        return document


async def owned(session: AsyncSession, caller: Principal, document_id: UUID) -> Document:
    """Locked. Raises NotFound, Forbidden."""
    visible = await permission.visible_to(session, caller.user_id)
    found = await documents.get_visible(session, document_id, user_id=visible.user_id, class_ids=visible.class_ids)
    if found is None:
        raise NotFound(DOCUMENT_NOT_FOUND)
    if found.owner_id != caller.user_id:
        raise Forbidden(NOT_THE_OWNER)
    document = await documents.get_for_update(session, document_id)
    if document is None or document.state in (State.DELETING, State.DELETED):
        raise NotFound(DOCUMENT_NOT_FOUND)
    return document


def revised(document: Document, **facts: Any) -> dict[str, Any]:
    """The row when newer content comes, of which `facts` is known; what search finds until then is kept in mind."""
    kept = {name: getattr(document, name) for name in endings.FACTS} if document.live_revision is not None else None
    begun = {"recipe": None, "page_count": None, "pages_read": 0, "chunk_count": None, "chunks_embedded": 0}
    return {**WAITING, **begun, "tokens_billed": 0, "revision": document.revision + 1, "live": kept, **facts}

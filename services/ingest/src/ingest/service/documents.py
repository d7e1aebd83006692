"""Reading documents: one, a page of them, and how one's processing goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from chassis import tenant
from chassis.database import Database
from chassis.errors import NotFound
from chassis.paging import Slice
from ingest.crud import documents
from ingest.errors import CLASS_NOT_FOUND, DOCUMENT_NOT_FOUND
from ingest.models import WORKING, Document, SharedWith, State
from ingest.service import permission

# Document and State are what the doors see of a document; the tables behind them they do not.
__all__ = ["Document", "DocumentService", "State"]

_POLL_SECONDS = 0.3


class DocumentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user_id: UUID, document_id: UUID) -> Document:
        """Raises NotFound, also for somebody else's."""
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            visible = await permission.visible_to(session, user_id)
            document = await documents.get_visible(
                session, document_id, user_id=visible.user_id, class_ids=visible.class_ids
            )
        if document is None:
            raise NotFound(DOCUMENT_NOT_FOUND)
        return document

    async def list_page(
        self,
        user_id: UUID,
        page: Slice,
        *,
        state: str | None,
        title: str | None,
        class_id: UUID | None = None,
        project_id: UUID | None = None,
        agent_id: UUID | None = None,
    ) -> list[Document]:
        """
        Raises:
            NotFound: a class that the user is not in, and of which they have no document; a project or an agent that
                is not theirs.
        """
        shelves = {SharedWith.PROJECT: project_id, SharedWith.AGENT: agent_id}
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            visible = await permission.visible_to(session, user_id)
            inside = [
                (await permission.own_shelf(session, user_id, kind, shelf_id)).shelf_id
                for kind, shelf_id in shelves.items()
                if shelf_id is not None
            ]
            found = await documents.list_visible(
                session,
                page,
                user_id=visible.user_id,
                class_ids=visible.class_ids,
                state=state,
                class_id=class_id,
                shelf_ids=inside,
                title=title,
            )
        # Whoever has left a class may still ask for what they once put there.
        if class_id is not None and not found and page.after is None and class_id not in visible.class_ids:
            raise NotFound(CLASS_NOT_FOUND)
        return found

    async def follow(
        self, user_id: UUID, document_id: UUID, *, still: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[Document]:
        """The document now and at every change, until it has come to an end. `still` raises when nobody may look on.

        Raises:
            NotFound: as `get`; also when it is deleted meanwhile.
        """
        seen: tuple[object, ...] | None = None
        while True:
            await still()
            document = await self.get(user_id, document_id)
            place = (
                document.state,
                document.revision,
                document.pages_read,
                document.chunks_embedded,
                document.page_count,
                document.chunk_count,
                document.waits_for,
            )
            if place != seen:
                seen = place
                yield document
            if document.state not in WORKING:
                return
            await asyncio.sleep(_POLL_SECONDS)

"""Projects and agents: what their owner has put into them. A shelf is either; rag tells which there are."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Conflict, Forbidden, Invalid
from contracts.rag import AgentCreated, AgentDeleted, AgentShared, ProjectCreated, ProjectDeleted
from ingest.crud import document_shares, documents, erased_users, shelves
from ingest.errors import ANOTHER_ORGS_DOCUMENT, SHARED_TOO_WIDELY, SHELF_CONTRADICTED
from ingest.models import Document, SharedWith, Shelf
from ingest.service import permission
from ingest.service.lifecycle import owned
from ingest.service.scoping import has_room, rescope
from ingest.service.sharing import SharingService
from ingest.service.syncing import SyncService
from retrieval.chunks import MAX_SCOPES

# SharedWith is what the doors name a shelf's kind by.
__all__ = ["Fact", "SharedWith", "ShelfService"]

type Fact = ProjectCreated | ProjectDeleted | AgentCreated | AgentShared | AgentDeleted


class ShelfService:
    def __init__(self, database: Database, sharing: SharingService, syncs: SyncService) -> None:
        self._database = database
        self._sharing = sharing
        self._syncs = syncs

    async def project(self, event: Fact, *, once: Delivery) -> None:
        """Take what is in a shelf that is gone out of it, and what an agent's class must not find. Of an erased user
        nothing is kept.

        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: it is known as somebody else's, or as another kind.
            Unavailable: database or index; the message comes again.
        """
        try:
            async with self._database.transaction(tenant.PLATFORM, once=once) as session:
                if not await erased_users.is_erased(session, event.tenant.user_id):
                    await self._project(session, event)
        finally:
            # Also of an earlier run of this message, which may have been cut off here.
            await self._sharing.settle(event.aggregate_id)

    async def put(self, caller: Principal, document_id: UUID, kind: SharedWith, shelf_id: UUID) -> Document:
        """Again: nothing changes.

        Raises:
            NotFound: no such document, or no such project or agent of the caller's.
            Forbidden: somebody else's document; or another org's than that of the agent's class.
            Conflict: the document is open to as many as one may be.
            Unavailable: database or index; what was written is told to the index later.
        """
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            # Before the document, in the order in which its end locks them.
            shelf = await permission.own_shelf(session, caller.user_id, kind, shelf_id, locked=True)
            document = await owned(session, caller, document_id)
            if not _fits(document, shelf):
                raise Forbidden(ANOTHER_ORGS_DOCUMENT)
            held = await document_shares.get(session, document_id, shelf_id)
            if held is None or not held.is_listed:
                await self._add(session, document, kind, shelf_id, is_leaving=held is not None)
                await _record(session, "document.shared", caller, document, kind, shelf_id)
        await self._syncs.sync(document_id)
        return document

    async def take_out(self, caller: Principal, document_id: UUID, kind: SharedWith, shelf_id: UUID) -> None:
        """When this returns, no search that is read finds it there. Again: nothing changes.

        Raises:
            NotFound, Forbidden, Unavailable: as `put`.
        """
        async with self._database.transaction(tenant.of_user(caller.user_id)) as session:
            await permission.own_shelf(session, caller.user_id, kind, shelf_id, locked=True)
            document = await owned(session, caller, document_id)
            held = await document_shares.get(session, document_id, shelf_id)
            if held is not None and held.is_listed:
                await document_shares.update_one_listed(session, document_id, shelf_id, is_listed=False)
                await rescope(session, document)
                await _record(session, "document.unshared", caller, document, kind, shelf_id)
        await self._syncs.sync(document_id)

    async def _add(
        self, session: AsyncSession, document: Document, kind: SharedWith, shelf_id: UUID, *, is_leaving: bool
    ) -> None:
        if is_leaving:
            await document_shares.update_one_listed(session, document.document_id, shelf_id, is_listed=True)
        elif await has_room(session, document.document_id):
            await document_shares.add(session, document, shelf_id, kind=kind)
        else:
            raise Conflict(SHARED_TOO_WIDELY, limit=MAX_SCOPES - 1)
        await rescope(session, document)

    async def _project(self, session: AsyncSession, event: Fact) -> None:
        is_project = isinstance(event, ProjectCreated | ProjectDeleted)
        kind = SharedWith.PROJECT if is_project else SharedWith.AGENT
        shelf_id, owner_id = event.aggregate_id, event.tenant.user_id
        known = await shelves.get(session, shelf_id)
        if known is not None and (known.owner_id, known.kind) != (owner_id, kind):
            raise Invalid(SHELF_CONTRADICTED)
        await shelves.update_projection(
            session,
            shelf_id=shelf_id,
            kind=kind.value,
            owner_id=owner_id,
            org_id=event.tenant.org_id,
            is_live=not isinstance(event, ProjectDeleted | AgentDeleted),
            version=event.version,
        )
        shelf = await shelves.get(session, shelf_id)
        held = [each.document_id for each in await document_shares.list_for_target(session, shelf_id)]
        if shelf is None or not held:
            return
        locked = await documents.list_living_for_update(session, held)
        staying = {each.document_id for each in locked if shelf.is_live and _fits(each, shelf)}
        held_still = {each.document_id: each for each in await document_shares.list_for_target(session, shelf_id)}
        listed = {key for key, each in held_still.items() if each.is_listed}
        await document_shares.update_listed(session, shelf_id, listed & staying)
        for document in locked:
            if document.document_id in listed - staying:
                await rescope(session, document)


def _fits(document: Document, shelf: Shelf) -> bool:
    """What an agent's class finds is of no org or of the class's own, as its materials are."""
    return shelf.org_id is None or document.org_id in (None, shelf.org_id)


async def _record(
    session: AsyncSession, action: str, caller: Principal, document: Document, kind: SharedWith, shelf_id: UUID
) -> None:
    await audit.record(
        session,
        action,
        actor=caller,
        target=f"document/{document.document_id}",
        org_id=document.org_id,
        partner_id=document.partner_id,
        class_id=document.class_id,
        shared_with=f"{kind}/{shelf_id}",
    )

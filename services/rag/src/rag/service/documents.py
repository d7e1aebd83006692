"""Keeps the projection of which documents there are and who may search them, from ingest's facts."""

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared
from rag.crud import documents, erased_users
from rag.service import forgeries


class DocumentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def project(self, event: ChunksEmbedded | DocumentShared | DocumentDeleted, *, once: Delivery) -> None:
        """Of an erased user nothing is kept, also not what comes late.

        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: the event contradicts what is known of the document or of its classes.
            Unavailable: the database; or what would explain the event may be on its way.
        """
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            if await erased_users.is_erased(session, event.tenant.user_id):
                return
            await forgeries.refuse(session, event, attempt=once.attempt)
            scopes = [] if isinstance(event, DocumentDeleted) else await forgeries.believed(session, event)
            live = not isinstance(event, DocumentDeleted)
            await documents.update_projection(
                session,
                document_id=event.document_id,
                owner_id=event.tenant.user_id,
                org_id=event.tenant.org_id,
                title="" if isinstance(event, DocumentDeleted) else event.title,
                scopes=scopes,
                is_live=live,
                version=event.version * 2 + (0 if live else 1),
            )

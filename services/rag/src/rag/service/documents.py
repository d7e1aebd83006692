"""Keeps the projection of which documents there are and who may search them, from ingest's facts."""

from chassis.database import Database
from chassis.delivery import Delivery
from contracts.ingest import ChunksEmbedded, DocumentDeleted
from rag.crud import documents


class DocumentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def project(self, event: ChunksEmbedded | DocumentDeleted, *, once: Delivery) -> None:
        live = isinstance(event, ChunksEmbedded)
        async with self._database.transaction(once=once) as session:
            await documents.update_projection(
                session,
                document_id=event.document_id,
                title=event.title if isinstance(event, ChunksEmbedded) else "",
                scopes=event.scopes if isinstance(event, ChunksEmbedded) else [],
                is_live=live,
                version=event.version * 2 + (0 if live else 1),
            )

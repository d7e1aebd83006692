"""What people did, kept for those who run the place in which they did it."""

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared, DocumentUploaded

DocumentFact = DocumentUploaded | ChunksEmbedded | DocumentShared | DocumentDeleted


async def note_document(session: AsyncSession, fact: DocumentFact) -> None:
    """In the projection's transaction: what was uploaded to a class and what was deleted there."""

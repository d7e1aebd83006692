"""What a row says of who finds its document, after what it is open to has changed. The indexes are told afterwards.

A document's row is the word: whom its scopes name may find it. The indexes follow (`service/syncing.py`), and never
show a document to anybody whom the row does not name. So what is added stands in the row first, and what leaves is
taken out of the indexes first. The version orders it all: every change of what an index shall show has one of its own,
and the index refuses what is older. A run that is cut off anywhere is made up for by the sweep.
"""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.clock import now
from ingest.crud import document_shares, indexes
from ingest.models import Document
from ingest.service.permission import scopes_of
from ingest.service.syncing import shared_event, was_told
from retrieval.chunks import MAX_SCOPES


async def has_room(session: AsyncSession, document_id: UUID) -> bool:
    """For one more scope, besides those that there are and the owner's."""
    return len(await document_shares.list_for_document(session, document_id)) + 2 <= MAX_SCOPES


async def rescope(session: AsyncSession, document: Document) -> None:
    """The document is locked."""
    held = await document_shares.list_for_document(session, document.document_id)
    staying = scopes_of(document.owner_id, [each.scope for each in held if each.stays])
    promised = scopes_of(document.owner_id, [each.scope for each in held])
    document.updated_at = now()
    if document.live_revision is None:
        # No index shows it to anybody yet, and what it will show is what the row says then.
        document.scopes = staying
        await document_shares.delete_leaving(session, document.document_id)
        return
    gains = set(promised) > set(document.scopes)
    if gains:
        document.version += 1
        document.scopes = promised
        if was_told(document):
            await outbox.add(session, shared_event(document))
    if not gains or staying != promised:
        document.version += 1
    await indexes.mark_due(session, document.document_id)

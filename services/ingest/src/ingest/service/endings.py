"""How the work on a document ends other than well. Called in the transaction of whoever ends it, the row locked.

A newer content that does not come about leaves the document as it was, and a note of why.
"""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.clock import now
from contracts.ingest import DocumentFailed
from contracts.usage import Outcome
from ingest.crud import chunks, documents, pending_objects
from ingest.models import Document, State
from ingest.service import billing
from ingest.service.claims import settle
from ingest.service.recipes import RecipeBook
from ingest.service.uploads import tenant_of

# What `Document.live` keeps while newer content is worked on.
FACTS = (
    "title",
    "media_type",
    "size_bytes",
    "sha256",
    "dedupe_key",
    "storage_key",
    "recipe",
    "page_count",
    "pages_read",
    "chunk_count",
    "chunks_embedded",
    "tokens_billed",
)


async def end(
    session: AsyncSession, document: Document, book: RecipeBook, *, state: State, reason: str, values: dict[str, Any]
) -> str | None:
    """The key of a file that nobody needs any more, which is discarded: to be deleted once this is committed."""
    outcome = Outcome.CANCELLED if state is State.CANCELLED else Outcome.FAILED
    await billing.record(session, document, book, outcome=outcome)
    if document.live is not None:
        return await _fall_back(session, document, reason=reason, values=values)
    settle(document, state)
    document.reason, document.reason_values = reason, values
    event = DocumentFailed(
        document_id=document.document_id,
        version=document.version,
        tenant=tenant_of(document),
        reason=reason,
        failed_at=now(),
    )
    await outbox.add(session, event)
    return None


async def _fall_back(session: AsyncSession, document: Document, *, reason: str, values: dict[str, Any]) -> str | None:
    kept = document.live
    assert kept is not None  # noqa: S101  the caller looked
    unneeded = document.storage_key if document.storage_key != kept["storage_key"] else None
    document.refused = {
        "reason": reason,
        "values": values,
        "title": document.title,
        "refused_at": now().isoformat(),
    }
    for name in FACTS:
        setattr(document, name, kept[name] if name != "dedupe_key" else None)
    document.live = None
    settle(document, State.READY)
    # The same file may have been uploaded again meanwhile; then there are two of it.
    await documents.update_to_living(session, document, dedupe_key=kept["dedupe_key"])
    if unneeded is not None:
        await pending_objects.discard(session, unneeded, owner_id=document.owner_id)
    if document.live_revision is not None:
        await chunks.delete_other_revisions(session, document.document_id, kept=document.live_revision)
    return unneeded

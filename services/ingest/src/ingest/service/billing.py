"""The usage of a document's embedding: what was spent and not told yet, told once."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.clock import now
from chassis.ids import new_id
from contracts.ingest import UsageRecorded
from contracts.usage import Operation, Outcome
from ingest.crud import chunks
from ingest.models import Document
from ingest.service.recipes import RecipeBook
from ingest.service.uploads import tenant_of


async def record(session: AsyncSession, document: Document, book: RecipeBook, *, outcome: Outcome) -> None:
    """Call with the document's row locked, in the transaction that ends the work on its revision."""
    if document.recipe is None:
        # It was never cut, so nothing of it was embedded.
        return
    model = document.recipe["model"]
    spent = await chunks.sum_tokens(session, document.document_id, document.revision, model=model)
    untold = spent - document.tokens_billed
    if untold <= 0:
        return
    # Written together, under the document's lock: no stretch of tokens is told twice, whatever becomes of the chunks.
    document.tokens_billed = spent
    await record_call(session, document, book, new_id(), model=model, tokens=untold, outcome=outcome)


async def record_call(
    session: AsyncSession,
    document: Document,
    book: RecipeBook,
    usage_id: UUID,
    *,
    model: str,
    tokens: int,
    outcome: Outcome,
) -> None:
    usage = UsageRecorded(
        usage_id=usage_id,
        tenant=tenant_of(document),
        operation=Operation.EMBEDDING,
        provider=book.provider_of(model),
        model=model,
        input_tokens=tokens,
        output_tokens=0,
        outcome=outcome,
        reference=f"document/{document.document_id}",
        occurred_at=now(),
    )
    await outbox.add(session, usage, event_id=usage_id)

"""The usage of a document's embedding: what was spent and not told yet, told once."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.clock import now
from chassis.ids import named_id, new_id
from contracts.ingest import UsageRecorded
from contracts.usage import Operation, Outcome
from ingest.crud import chunks
from ingest.models import Document
from ingest.service.recipes import Recipe
from ingest.service.uploads import tenant_of


async def record(session: AsyncSession, document: Document, recipe: Recipe, *, outcome: Outcome) -> None:
    """Call with the document's row locked, in the transaction that ends the work on its revision."""
    spent = await chunks.sum_tokens(session, document.document_id, document.revision, model=recipe.model)
    untold = spent - document.tokens_billed
    if untold <= 0:
        return
    # The same stretch of tokens always makes the same event: a second one could not be written.
    usage_id = named_id("usage", document.document_id, document.revision, document.tokens_billed)
    document.tokens_billed = spent
    await _tell(session, document, recipe, usage_id, tokens=untold, outcome=outcome)


async def record_wasted(
    session: AsyncSession, document: Document, recipe: Recipe, *, tokens: int, outcome: Outcome
) -> None:
    """A call that was billed and brought nothing that is kept; every such call is one of its own."""
    await _tell(session, document, recipe, new_id(), tokens=tokens, outcome=outcome)


async def _tell(
    session: AsyncSession, document: Document, recipe: Recipe, usage_id: UUID, *, tokens: int, outcome: Outcome
) -> None:
    usage = UsageRecorded(
        usage_id=usage_id,
        tenant=tenant_of(document),
        operation=Operation.EMBEDDING,
        provider=recipe.provider,
        model=recipe.model,
        input_tokens=tokens,
        output_tokens=0,
        outcome=outcome,
        reference=f"document/{document.document_id}",
        occurred_at=now(),
    )
    await outbox.add(session, usage, event_id=usage_id)

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
from ingest.service.uploads import tenant_of


async def record(session: AsyncSession, document: Document, *, model: str, provider: str, outcome: Outcome) -> None:
    """Call with the document's row locked, in the transaction that ends its processing."""
    spent = await chunks.sum_tokens(session, document.document_id)
    untold = spent - document.tokens_billed
    if untold <= 0:
        return
    # The same stretch of tokens always makes the same event: a second one could not be written.
    usage_id = named_id("usage", document.document_id, document.version, document.tokens_billed)
    document.tokens_billed = spent
    await _tell(session, document, usage_id, untold, model=model, provider=provider, outcome=outcome)


async def record_wasted(
    session: AsyncSession, document: Document, *, tokens: int, model: str, provider: str, outcome: Outcome
) -> None:
    """A call that was billed and brought nothing that is kept; every such call is one of its own."""
    await _tell(session, document, new_id(), tokens, model=model, provider=provider, outcome=outcome)


async def _tell(
    session: AsyncSession,
    document: Document,
    usage_id: UUID,
    tokens: int,
    *,
    model: str,
    provider: str,
    outcome: Outcome,
) -> None:
    await outbox.add(
        session,
        UsageRecorded(
            usage_id=usage_id,
            tenant=tenant_of(document),
            operation=Operation.EMBEDDING,
            provider=provider,
            model=model,
            input_tokens=tokens,
            output_tokens=0,
            outcome=outcome,
            reference=f"document/{document.document_id}",
            occurred_at=now(),
        ),
        event_id=usage_id,
    )

"""The usage of every model call: booked once it is known, also when the call failed or nobody waited for it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.clock import now
from chassis.ids import new_id
from contracts.rag import UsageRecorded
from contracts.tenancy import Tenant
from contracts.usage import Operation, Outcome


@dataclass(frozen=True, slots=True)
class EmbeddingUse:
    """What embedding a question was billed, and the names that it is booked under."""

    provider: str
    model: str
    tokens: int


def summed(uses: Iterable[EmbeddingUse]) -> list[EmbeddingUse]:
    """One for each provider and model; none for what cost nothing."""
    tokens: Counter[tuple[str, str]] = Counter()
    for use in uses:
        tokens[use.provider, use.model] += use.tokens
    return [EmbeddingUse(provider, model, number) for (provider, model), number in tokens.items() if number]


async def record(
    session: AsyncSession,
    *,
    tenant: Tenant,
    operation: Operation,
    provider: str,
    model: str,
    input_tokens: int,
    output_tokens: int = 0,
    estimated: bool = False,
    outcome: Outcome = Outcome.COMPLETED,
    reference: str,
    duration_ms: int | None = None,
    first_token_ms: int | None = None,
    usage_id: UUID | None = None,
) -> None:
    """Write the event beside the change. With a given `usage_id` a second one cannot be written."""
    usage_id = usage_id or new_id()
    await outbox.add(
        session,
        UsageRecorded(
            usage_id=usage_id,
            tenant=tenant,
            operation=operation,
            provider=provider,
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            estimated=estimated,
            outcome=outcome,
            reference=reference,
            duration_ms=duration_ms,
            first_token_ms=first_token_ms,
            occurred_at=now(),
        ),
        event_id=usage_id,
    )

"""An answer on its way, and what it is when it ends, however it ends."""

import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from chassis.clock import now
from contracts.tenancy import Tenant
from contracts.usage import Outcome
from rag.chains.answer import Answer, AnswerEvent, Cited, Finished, Token
from rag.chains.metering import Usage
from rag.errors import ANSWER_FAILED
from rag.models import Conversation, Message, MessageState
from rag.service.billing import EmbeddingUse, summed
from rag.service.ranking import RerankUse

_STATES = {
    Outcome.COMPLETED: MessageState.COMPLETED,
    Outcome.CANCELLED: MessageState.CANCELLED,
    Outcome.FAILED: MessageState.FAILED,
}


@dataclass(frozen=True)
class Ending:
    """An answer that has ended. `provider` is None when no model was called for it."""

    message_id: UUID
    conversation_id: UUID
    tenant: Tenant
    outcome: Outcome
    problem: str | None
    provider: str | None
    model: str
    usage: Usage
    embeddings: list[EmbeddingUse]
    duration_ms: int
    ended_at: datetime
    reranks: list[RerankUse] = field(default_factory=list)
    first_token_ms: int | None = None
    text: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of_abandoned(cls, message: Message, conversation: Conversation) -> Self:
        """What a killed process left: it failed, and cost what was written before the model was called."""
        ended_at = now()
        return cls(
            message_id=message.message_id,
            conversation_id=conversation.conversation_id,
            tenant=Tenant(
                org_id=conversation.org_id,
                partner_id=conversation.partner_id,
                class_id=conversation.class_id,
                user_id=conversation.user_id,
            ),
            outcome=Outcome.FAILED,
            problem=ANSWER_FAILED.code,
            provider=message.provider,
            model=message.model or "",
            usage=Usage(message.input_tokens, 0, estimated=True),
            embeddings=[EmbeddingUse(**each) for each in message.embeddings],
            reranks=[RerankUse(**each) for each in message.reranks],
            duration_ms=(ended_at - message.created_at) // timedelta(milliseconds=1),
            ended_at=ended_at,
        )

    def row(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "state": _STATES[self.outcome].value,
            "problem": self.problem,
            "model": self.model,
            "provider": self.provider,
            "citations": self.citations,
            "embeddings": [asdict(use) for use in self.embeddings],
            "reranks": [asdict(use) for use in self.reranks],
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "first_token_ms": self.first_token_ms,
            "duration_ms": self.duration_ms,
        }


@dataclass
class Progress:
    """What is known of an answer so far. Until it says otherwise it is one whose client left."""

    message_id: UUID
    conversation_id: UUID
    tenant: Tenant
    provider: str
    answer: Answer
    embedded: list[EmbeddingUse]
    reranked: list[RerankUse] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    citations: list[dict[str, Any]] = field(default_factory=list)
    first_token_ms: int | None = None
    outcome: Outcome = Outcome.CANCELLED
    problem: str | None = None

    def note(self, event: AnswerEvent) -> None:
        match event:
            case Token() if self.first_token_ms is None:
                self.first_token_ms = self._elapsed_ms
            case Cited():
                self.citations.append(asdict(event.citation))
            case Finished():
                self.outcome = Outcome.COMPLETED

    def fail(self, problem: str) -> None:
        self.outcome, self.problem = Outcome.FAILED, problem

    async def end(self) -> Ending:
        """Ends the provider's stream too."""
        await self.answer.aclose()
        return Ending(
            message_id=self.message_id,
            conversation_id=self.conversation_id,
            tenant=self.tenant,
            outcome=self.outcome,
            problem=self.problem,
            provider=self.provider if self.answer.called else None,
            model=self.answer.model,
            usage=self.answer.usage,
            embeddings=summed(self.embedded),
            reranks=self.reranked,
            duration_ms=self._elapsed_ms,
            ended_at=now(),
            first_token_ms=self.first_token_ms,
            text=self.answer.text,
            citations=self.citations,
        )

    @property
    def _elapsed_ms(self) -> int:
        return round((time.perf_counter() - self.started) * 1000)

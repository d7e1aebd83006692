"""Answering a question in a conversation: streamed to whoever listens, stored and booked whoever leaves.

The question and an empty answer are written before the model is called, what came of it afterwards, whatever that
was: completed, cancelled because the client left, or failed.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from chassis import outbox
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict, GrowFitError, NotFound, Unavailable
from chassis.ids import named_id, new_id
from contracts.rag import MessageAnswered
from contracts.usage import Operation, Outcome
from rag.chains.answer import Answer, AnswerEvent, Cited, Finished, Token
from rag.chains.prompt import Turn
from rag.crud import conversations, messages
from rag.errors import ANSWER_FAILED, ANSWER_RUNNING, CONVERSATION_NOT_FOUND, as_service_error
from rag.models import MessageState
from rag.service import billing, permission
from rag.service.permission import Searchable
from rag.service.search import EmbeddingModelName
from retrieval.errors import RetrievalError

_HISTORY = 20
_STATES = {
    Outcome.COMPLETED: MessageState.COMPLETED,
    Outcome.CANCELLED: MessageState.CANCELLED,
    Outcome.FAILED: MessageState.FAILED,
}


class Answerer(Protocol):
    """A chat model over what a caller may search. `provider` and `model` are what its usage is booked under."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...

    def start(
        self, question: str, *, history: Sequence[Turn], filters: Mapping[str, Any], on_tokens: Callable[[int], None]
    ) -> Answer:
        """`on_tokens` hears what embedding the question was billed; the answer itself knows the rest."""
        ...


@dataclass(frozen=True)
class Begun:
    """A question that stands in the conversation, with the place of its answer."""

    conversation_id: UUID
    question_id: UUID
    message_id: UUID
    question: str
    history: list[Turn]
    allowed: Searchable


@dataclass
class _Result:
    """What is known of an answer so far; stored in whatever state it is."""

    answer: Answer
    started: float = field(default_factory=time.perf_counter)
    citations: list[dict[str, Any]] = field(default_factory=list)
    first_token_ms: int | None = None
    outcome: Outcome = Outcome.CANCELLED
    problem: str | None = None

    def note(self, event: AnswerEvent) -> None:
        match event:
            case Token() if self.first_token_ms is None:
                self.first_token_ms = self.elapsed_ms
            case Cited():
                self.citations.append(asdict(event.citation))
            case Finished():
                self.outcome = Outcome.COMPLETED

    @property
    def elapsed_ms(self) -> int:
        return round((time.perf_counter() - self.started) * 1000)


class AnswerService:
    def __init__(
        self, database: Database, answerer: Answerer, *, embedding: EmbeddingModelName, max_seconds: int
    ) -> None:
        self._database = database
        self._answerer = answerer
        self._embedding = embedding
        self._max_seconds = max_seconds
        self._storing: set[asyncio.Task[None]] = set()

    async def begin(self, user_id: UUID, conversation_id: UUID, text: str) -> Begun:
        """Write the question down.

        Raises:
            NotFound: no such conversation of this user, or its class or documents are no longer theirs.
            Conflict: an answer is still being written in it.
        """
        question_id, message_id = new_id(), new_id()
        async with self._database.transaction() as session:
            conversation = await conversations.get(session, conversation_id, user_id=user_id)
            if conversation is None:
                raise NotFound(CONVERSATION_NOT_FOUND)
            allowed = await permission.searchable(
                session, user_id, class_id=conversation.class_id, document_ids=conversation.document_ids
            )
            recent = await messages.list_recent(session, conversation_id, limit=_HISTORY)
            await messages.add(
                session,
                message_id=question_id,
                conversation_id=conversation_id,
                role="user",
                text=text,
                state=MessageState.COMPLETED.value,
            )
            if not await messages.add_answer(
                session,
                message_id=message_id,
                conversation_id=conversation_id,
                role="assistant",
                text="",
                state=MessageState.ANSWERING.value,
                model=self._answerer.model,
            ):
                raise Conflict(ANSWER_RUNNING)
        history = [Turn("user" if row.role == "user" else "assistant", row.text) for row in recent]
        return Begun(conversation_id, question_id, message_id, text, history, allowed)

    async def stream(self, begun: Begun) -> AsyncGenerator[AnswerEvent]:
        """The events of the answer. However this ends, the answer so far and its usage are stored.

        Raises:
            Unavailable, Invalid: the model or the index; the answer is stored as failed.
        """
        embedding_tokens: list[int] = []
        answer = self._answerer.start(
            begun.question,
            history=begun.history,
            filters=begun.allowed.filters(),
            on_tokens=embedding_tokens.append,
        )
        result = _Result(answer)
        try:
            async with asyncio.timeout(self._max_seconds):
                async for event in answer:
                    result.note(event)
                    yield event
        except (GrowFitError, RetrievalError, TimeoutError) as error:
            known = _as_known(error)
            result.outcome, result.problem = Outcome.FAILED, known.code
            raise known from error
        except Exception:
            # A defect; only a client that left is a cancellation.
            result.outcome, result.problem = Outcome.FAILED, ANSWER_FAILED.code
            raise
        finally:
            await self._store_whatever_happens(begun, result, sum(embedding_tokens))

    async def sweep(self) -> None:
        """Fail the answers whose process ended while they were written."""
        before = now() - timedelta(seconds=self._max_seconds + 60)
        async with self._database.transaction() as session:
            await messages.update_abandoned(session, before=before)

    async def _store_whatever_happens(self, begun: Begun, result: _Result, embedding_tokens: int) -> None:
        # A client that left cancels this coroutine; the task of its own goes on, and is held until it is done.
        task = asyncio.create_task(self._store(begun, result, embedding_tokens))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        await asyncio.shield(task)

    async def _store(self, begun: Begun, result: _Result, embedding_tokens: int) -> None:
        await result.answer.aclose()
        usage, duration_ms = result.answer.usage, result.elapsed_ms
        async with self._database.transaction() as session:
            await messages.update_answer(
                session,
                begun.message_id,
                text=result.answer.text,
                state=_STATES[result.outcome].value,
                problem=result.problem,
                model=result.answer.model,
                citations=result.citations,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                first_token_ms=result.first_token_ms,
                duration_ms=duration_ms,
            )
            if embedding_tokens:
                await billing.record(
                    session,
                    tenant=begun.allowed.tenant,
                    operation=Operation.EMBEDDING,
                    provider=self._embedding.provider,
                    model=self._embedding.model,
                    input_tokens=embedding_tokens,
                    reference=f"message/{begun.message_id}",
                    usage_id=named_id("usage", begun.message_id, Operation.EMBEDDING),
                )
            if usage.input_tokens or usage.output_tokens:
                await billing.record(
                    session,
                    tenant=begun.allowed.tenant,
                    operation=Operation.CHAT,
                    provider=self._answerer.provider,
                    model=result.answer.model,
                    input_tokens=usage.input_tokens,
                    output_tokens=usage.output_tokens,
                    estimated=usage.estimated,
                    outcome=result.outcome,
                    reference=f"message/{begun.message_id}",
                    duration_ms=duration_ms,
                    first_token_ms=result.first_token_ms,
                    usage_id=named_id("usage", begun.message_id, Operation.CHAT),
                )
            await outbox.add(
                session,
                MessageAnswered(
                    message_id=begun.message_id,
                    conversation_id=begun.conversation_id,
                    tenant=begun.allowed.tenant,
                    model=result.answer.model,
                    outcome=result.outcome,
                    citation_count=len(result.citations),
                    first_token_ms=result.first_token_ms,
                    duration_ms=duration_ms,
                    answered_at=now(),
                ),
            )


def _as_known(error: GrowFitError | RetrievalError | TimeoutError) -> GrowFitError:
    match error:
        case GrowFitError():
            return error
        case RetrievalError():
            return as_service_error(error)
        case _:
            return Unavailable(ANSWER_FAILED)

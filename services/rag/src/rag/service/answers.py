"""Answering a question in a conversation: streamed to whoever listens, stored and booked whoever leaves.

The question and an empty answer are written before the model is called, what came of it afterwards, whatever that
was: completed, cancelled because the client left, or failed.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from chassis import tenant
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict, GrowFitError, NotFound, Unavailable
from chassis.ids import new_id
from contracts.tenancy import Tenant
from rag.chains.answer import Answer, AnswerEvent, Finished, Retrieved
from rag.chains.prompt import Turn
from rag.crud import conversations, messages
from rag.errors import (
    ANSWER_FAILED,
    ANSWER_NOT_STORED,
    ANSWER_RUNNING,
    CONVERSATION_NOT_FOUND,
    as_service_error,
)
from rag.models import Conversation, MessageState
from rag.service import permission
from rag.service.asking import Asking
from rag.service.billing import EmbeddingUse, summed
from rag.service.endings import Endings
from rag.service.progress import Progress
from rag.service.ranking import Ranker, RerankUse
from rag.service.reads import Reads
from retrieval.errors import RetrievalError
from retrieval.store import Hit

_HISTORY = 20


class Answerer(Protocol):
    """A chat model over what a caller may search. `provider` and `model` are what its usage is booked under."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...

    def start(
        self,
        question: str,
        *,
        history: Sequence[Turn],
        find: Callable[[str, int], Awaitable[list[Hit]]],
        instructions: str = "",
    ) -> Answer:
        """`find(question, top_k)` gives the best of what the caller may see, and raises RetrievalError.

        `instructions`: what an agent's owner wishes of the answers, below the rules that hold for all.
        """
        ...


@dataclass(frozen=True)
class Begun:
    """A question that stands in the conversation, with the place of its answer."""

    conversation_id: UUID
    question_id: UUID
    message_id: UUID
    question: str
    history: list[Turn]
    asking: Asking


class AnswerService:
    def __init__(
        self, database: Database, answerer: Answerer, reads: Reads, ranker: Ranker, *, max_seconds: int
    ) -> None:
        self._database = database
        self._answerer = answerer
        self._reads = reads
        self._ranker = ranker
        self._endings = Endings(database)
        self._max_seconds = max_seconds

    async def begin(self, user_id: UUID, conversation_id: UUID, text: str) -> Begun:
        """Write the question down.

        Raises:
            NotFound: no such conversation of this user, or its class, project, agent or documents are no longer theirs.
            Conflict: an answer is still being written in it.
        """
        question_id, message_id = new_id(), new_id()
        rule = await self._reads.rule()
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            conversation = await conversations.get_to_write(session, conversation_id, user_id=user_id)
            if conversation is None:
                raise NotFound(CONVERSATION_NOT_FOUND)
            allowed = await permission.searchable(
                session,
                user_id,
                # An agent says itself who pays, and its class may be another one by now.
                class_id=None if conversation.agent_id else conversation.class_id,
                document_ids=conversation.document_ids,
                project_id=conversation.project_id,
                agent_id=conversation.agent_id,
            )
            _place(conversation, allowed.tenant)
            reading = await permission.reading(session, user_id, rule)
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
        asking = Asking(allowed, reading, f"message/{message_id}")
        return Begun(conversation_id, question_id, message_id, text, history, asking)

    async def stream(self, begun: Begun) -> AsyncGenerator[AnswerEvent]:
        """The events of the answer. However this ends, the answer so far and its usage are stored.

        Finished comes when the answer is stored: whoever sees it finds the answer in the conversation, and can ask on.

        Raises:
            Unavailable, Invalid: the model or the index; the answer is stored as failed. Or the database, at the end
                of a whole answer: it is stored when the database is back.
            NotFound: the conversation was deleted before the model was called.
        """
        progress = self._start(begun)
        last: Finished | None = None
        try:
            async with asyncio.timeout(self._max_seconds):
                async for event in progress.answer:
                    progress.note(event)
                    if isinstance(event, Finished):
                        last = event
                        continue
                    if isinstance(event, Retrieved):
                        await self._write_call(progress, prompt_tokens=event.prompt_tokens)
                    yield event
        except (GrowFitError, RetrievalError, TimeoutError) as error:
            known = _as_known(error)
            progress.fail(known.code)
            raise known from error
        except Exception:
            # A defect; only a client that left is a cancellation.
            progress.fail(ANSWER_FAILED.code)
            raise
        finally:
            stored = await self._endings.store(progress)
        if not stored:
            raise Unavailable(ANSWER_NOT_STORED)
        if last is not None:
            yield last

    async def sweep(self) -> None:
        """Fail and book the answers whose process ended while they were written."""
        await self._endings.sweep(before=now() - timedelta(seconds=self._max_seconds + 60))

    async def close(self) -> None:
        """Wait a moment for the answers that are being stored."""
        await self._endings.close()

    def _start(self, begun: Begun) -> Progress:
        embedded: list[EmbeddingUse] = []
        reranked: list[RerankUse] = []

        async def find(query: str, top_k: int) -> list[Hit]:
            wanted = self._ranker.candidates(top_k)
            found = await self._reads.find(query, asking=begun.asking, top_k=wanted, on_embedded=embedded.append)
            best = await self._ranker.best(query, found.hits, top_k=top_k, on_reranked=reranked.append)
            return best.hits

        answer = self._answerer.start(
            begun.question, history=begun.history, find=find, instructions=begun.asking.allowed.instructions
        )
        return Progress(
            message_id=begun.message_id,
            conversation_id=begun.conversation_id,
            tenant=begun.asking.allowed.tenant,
            provider=self._answerer.provider,
            answer=answer,
            embedded=embedded,
            reranked=reranked,
        )

    async def _write_call(self, progress: Progress, *, prompt_tokens: int) -> None:
        """Before the model is called: should this process be killed, the sweep books the call from this."""
        async with self._database.transaction(tenant.of_tenant(progress.tenant)) as session:
            stands = await messages.update_answer(
                session,
                progress.message_id,
                provider=progress.provider,
                input_tokens=prompt_tokens,
                embeddings=[asdict(use) for use in summed(progress.embedded)],
                reranks=[asdict(use) for use in progress.reranked],
            )
        if not stands:
            raise NotFound(CONVERSATION_NOT_FOUND)


def _place(conversation: Conversation, payer: Tenant) -> None:
    """Who pays for the answer that begins, should the sweep have to book it."""
    conversation.org_id, conversation.partner_id, conversation.class_id = (
        payer.org_id,
        payer.partner_id,
        payer.class_id,
    )


def _as_known(error: GrowFitError | RetrievalError | TimeoutError) -> GrowFitError:
    match error:
        case GrowFitError():
            return error
        case RetrievalError():
            return as_service_error(error)
        case _:
            return Unavailable(ANSWER_FAILED)

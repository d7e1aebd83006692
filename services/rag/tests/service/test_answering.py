"""Answers on a real database: stored and booked however they end."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.retrievers import BaseRetriever
from sqlalchemy import text

from chassis import tenant
from chassis.database import Database
from chassis.errors import Conflict, NotFound, Unavailable
from rag.chains.answer import AnswerChain, Token
from rag.models import PLUMBING
from rag.service.answers import AnswerService
from rag.service.conversations import ConversationService
from rag.service.ranking import Ranker

PASSAGE = "초대 코드는 발급한 때부터 72시간 동안 쓸 수 있습니다."
WORDS = ["초대 코드는 ", "72시간 동안 ", "쓸 수 있습니다. ", "[1]"]


class Shelf(BaseRetriever):
    """Always the same passage, after a search that cost 7 tokens."""

    find: Any

    async def _aget_relevant_documents(self, query, *, run_manager):
        await self.find(query, 5)
        facts = {"doc_id": str(uuid4()), "title": "안내서", "page_from": 4, "page_to": 4}
        return [Document(PASSAGE, id=str(uuid4()), metadata={**facts, "char_start": 10, "char_end": 10 + len(PASSAGE)})]

    def _get_relevant_documents(self, query, *, run_manager):
        raise NotImplementedError


class Scripted(BaseChatModel):
    """Speaks the words one by one, waits or fails after some of them, and says what it spent."""

    wait_after: int | None = None
    fail_after: int | None = None

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs) -> AsyncIterator[ChatGenerationChunk]:
        for number, word in enumerate(WORDS):
            if number == self.fail_after:
                raise ConnectionError("the provider went away")
            if number == self.wait_after:
                await asyncio.sleep(60)
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        usage = {"input_tokens": 50, "output_tokens": 9, "total_tokens": 59}
        yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=usage))


class ScriptedAnswerer:
    provider, model = "test", "scripted"

    def __init__(self, chat: Scripted) -> None:
        self._chain = AnswerChain(chat, model_name=self.model)

    def start(self, question, *, history, find, instructions):
        return self._chain.start(question, retriever=Shelf(find=find), history=history)


@pytest.fixture
async def rows(database):
    opened = Database(database.url("rag"), PLUMBING, pool_size=4)
    yield opened
    await opened.close()


@pytest.fixture
def answers(rows, billed):
    def made(**script: int) -> AnswerService:
        return AnswerService(rows, ScriptedAnswerer(Scripted(**script)), billed, Ranker(), max_seconds=30)

    return made


async def open_conversation(rows: Database, user_id: UUID) -> UUID:
    made = await ConversationService(rows).open(user_id, title="", class_id=None, document_ids=[])
    return made.conversation_id


async def stored(rows: Database, message_id: UUID) -> Any:
    async with rows.transaction(tenant.PLATFORM) as session:
        query = text('SELECT * FROM "user".messages WHERE message_id = :id')
        return (await session.execute(query, {"id": message_id})).one()


async def usage(rows: Database, message_id: UUID) -> dict[str, dict[str, Any]]:
    async with rows.transaction(tenant.PLATFORM) as session:
        query = text("SELECT payload FROM rag.outbox WHERE subject = 'rag.usage.recorded.v1'")
        events = [row.payload["data"] for row in await session.execute(query)]
    return {event["operation"]: event for event in events if event["reference"] == f"message/{message_id}"}


async def test_completed_answer_is_stored_and_booked(rows, answers):
    user_id = uuid4()
    service, conversation_id = answers(), await open_conversation(rows, user_id)
    begun = await service.begin(user_id, conversation_id, "초대 코드는 몇 시간 동안 쓸 수 있나요?")
    names = [type(event).__name__ async for event in service.stream(begun)]
    assert names[0] == "Retrieved"
    assert names[-1] == "Finished"
    assert "Cited" in names
    row = await stored(rows, begun.message_id)
    assert (row.state, row.input_tokens, row.output_tokens) == ("completed", 50, 9)
    assert "72시간" in row.text
    assert row.citations[0]["page_from"] == 4
    booked = await usage(rows, begun.message_id)
    assert (booked["embedding"]["input_tokens"], booked["chat"]["input_tokens"]) == (7, 50)
    assert booked["chat"]["tenant"]["user_id"] == str(user_id)


async def test_client_that_leaves_is_booked_once_as_cancelled(rows, answers):
    user_id = uuid4()
    service, conversation_id = answers(wait_after=2), await open_conversation(rows, user_id)
    begun = await service.begin(user_id, conversation_id, "초대 코드?")

    spoken = asyncio.Event()

    async def listen() -> None:
        async for event in service.stream(begun):
            if isinstance(event, Token):
                spoken.set()

    listener = asyncio.create_task(listen())
    await asyncio.wait_for(spoken.wait(), 30)
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    for _ in itertools.repeat(None, 50):
        row = await stored(rows, begun.message_id)
        if row.state != "answering":
            break
        await asyncio.sleep(0.1)
    assert row.state == "cancelled"
    assert row.text.startswith("초대 코드는")
    booked = await usage(rows, begun.message_id)
    assert booked["chat"]["outcome"] == "cancelled"
    assert booked["chat"]["estimated"] is True
    assert booked["chat"]["input_tokens"] > 0


async def test_failing_model_fails_the_answer_and_keeps_what_there_was(rows, answers):
    user_id = uuid4()
    service, conversation_id = answers(fail_after=1), await open_conversation(rows, user_id)
    begun = await service.begin(user_id, conversation_id, "초대 코드?")
    with pytest.raises(Unavailable):
        async for _ in service.stream(begun):
            pass
    row = await stored(rows, begun.message_id)
    assert row.state == "failed"
    assert row.problem in {"answer_failed", "model_unavailable"}
    assert (await usage(rows, begun.message_id))["chat"]["outcome"] == "failed"


async def test_one_answer_at_a_time_however_often_it_is_asked(rows, answers):
    """More than five questions: from then on PostgreSQL runs the prepared statement with a generic plan."""
    user_id = uuid4()
    service, conversation_id = answers(), await open_conversation(rows, user_id)
    for _ in range(12):
        begun = await service.begin(user_id, conversation_id, "초대 코드?")
        with pytest.raises(Conflict, match="answer_running"):
            await service.begin(user_id, conversation_id, "그리고?")
        assert [event async for event in service.stream(begun)]


async def test_somebody_elses_conversation_is_missing(rows, answers):
    conversation_id = await open_conversation(rows, uuid4())
    with pytest.raises(NotFound, match="conversation_not_found"):
        await answers().begin(uuid4(), conversation_id, "무엇?")


async def test_abandoned_answer_is_failed_by_the_sweep(rows, answers):
    user_id = uuid4()
    service, conversation_id = answers(), await open_conversation(rows, user_id)
    begun = await service.begin(user_id, conversation_id, "초대 코드?")
    await service.sweep()
    assert (await stored(rows, begun.message_id)).state == "answering"
    async with rows.transaction(tenant.PLATFORM) as session:
        age = text("""UPDATE "user".messages SET created_at = now() - interval '1 hour' WHERE message_id = :id""")
        await session.execute(age, {"id": begun.message_id})
    await service.sweep()
    assert (await stored(rows, begun.message_id)).state == "failed"

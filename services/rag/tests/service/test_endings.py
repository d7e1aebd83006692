"""Answers that end in unforeseen ways are stored all the same, as what they are."""

import asyncio
from uuid import uuid4

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.retrievers import BaseRetriever

from chassis.database import Database
from chassis.errors import Locale
from contracts.rag import MessageAnswered
from contracts.usage import Outcome
from rag.api.messages import _events
from rag.chains.answer import AnswerChain
from rag.models import PLUMBING
from rag.service.answers import AnswerService
from rag.service.conversations import ConversationService
from rag.service.ranking import Ranker


class Broken(BaseRetriever):
    """Fails as no one foresaw."""

    async def _aget_relevant_documents(self, query, *, run_manager):
        raise KeyError("a defect")

    def _get_relevant_documents(self, query, *, run_manager):
        raise NotImplementedError


class Empty(Broken):
    async def _aget_relevant_documents(self, query, *, run_manager) -> list[Document]:
        return []


class Answerer:
    provider, model = "test", "words"

    def __init__(self, retriever: BaseRetriever) -> None:
        self._retriever = retriever

    def start(self, question, *, history, find, instructions):
        chain = AnswerChain(GenericFakeChatModel(messages=iter(["하나 둘 셋 넷 다섯"])), model_name=self.model)
        return chain.start(question, retriever=self._retriever, history=history)


@pytest.fixture
async def rows(database):
    opened = Database(database.url("rag"), PLUMBING, pool_size=4)
    yield opened
    await opened.close()


@pytest.fixture
def begin(rows, billed):
    async def begun(retriever: BaseRetriever):
        user_id = uuid4()
        conversation = await ConversationService(rows).open(user_id, title="", class_id=None, document_ids=[])
        service = AnswerService(rows, Answerer(retriever), billed, Ranker(), max_seconds=30)
        return service, await service.begin(user_id, conversation.conversation_id, "무엇인가요?")

    return begun


async def _still_in() -> None: ...


@pytest.mark.parametrize("language", list(Locale))
async def test_a_defect_is_a_failure_and_not_a_client_that_left(begin, sql, language) -> None:
    service, begun = await begin(Broken())
    events = [event async for event in _events(service, begun, language, _still_in)]

    assert [event.event for event in events] == ["started", "error"]
    assert ("다시 시도하세요" in events[-1].data) == (language is Locale.KO)
    assert "a defect" not in events[-1].data
    row = await sql.message(begun.message_id)
    assert (row["state"], row["problem"]) == ("failed", "answer_failed")
    (answered,) = await sql.events(MessageAnswered, message_id=begun.message_id)
    assert answered.outcome is Outcome.FAILED


async def test_a_stream_that_is_closed_is_stored_before_the_close_returns(begin, sql) -> None:
    """Not at whatever time the generator is collected."""
    service, begun = await begin(Empty())
    events = _events(service, begun, Locale.KO, _still_in)
    seen = [await anext(events) for _ in range(3)]
    await events.aclose()

    assert [event.event for event in seen] == ["started", "token", "token"]
    row = await sql.message(begun.message_id)
    assert row["state"] == "cancelled"
    assert row["text"].startswith("하나")


async def test_an_answer_in_a_conversation_deleted_meanwhile_is_booked(begin, sql) -> None:
    service, begun = await begin(Empty())
    stream = service.stream(begun)
    await anext(stream)
    await sql.rows('DELETE FROM "user".conversations WHERE conversation_id = %s', begun.conversation_id)
    rest = [event async for event in stream]

    assert type(rest[-1]).__name__ == "Finished"
    assert (await sql.usage(f"message/{begun.message_id}"))["chat"].outcome is Outcome.COMPLETED
    assert await sql.rows('SELECT 1 FROM "user".messages WHERE message_id = %s', begun.message_id) == []


async def test_an_answer_that_was_swept_and_ends_after_all_is_booked_once(begin, sql) -> None:
    service, begun = await begin(Empty())
    stream = service.stream(begun)
    await anext(stream)
    age = """UPDATE "user".messages SET created_at = now() - interval '1 hour' WHERE message_id = %s"""
    await sql.rows(age, begun.message_id)
    await service.sweep()
    assert (await sql.message(begun.message_id))["problem"] == "answer_failed"
    assert [event async for event in stream]

    assert (await sql.message(begun.message_id))["state"] == "failed"
    assert set(await sql.usage(f"message/{begun.message_id}")) == {"chat"}


async def test_many_answers_at_once(begin, sql) -> None:
    begun = [await begin(Empty()) for _ in range(12)]

    async def read(service, each) -> None:
        assert [event async for event in service.stream(each)]

    await asyncio.gather(*(read(*each) for each in begun))
    assert {(await sql.message(each.message_id))["state"] for _, each in begun} == {"completed"}

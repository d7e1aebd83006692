"""The end of an answer is stored, booked and told exactly once: through outages, by the sweep, and by both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.retrievers import BaseRetriever

from chassis.database import Database
from chassis.errors import DATABASE_UNAVAILABLE, GrowFitError, NotFound, Unavailable
from contracts.rag import MessageAnswered
from contracts.usage import Outcome
from rag.chains.answer import AnswerChain, AnswerEvent, Finished, Retrieved, Token
from rag.models import PLUMBING
from rag.service import endings
from rag.service.answers import AnswerService, Begun
from rag.service.conversations import ConversationService
from rag.service.ranking import Ranker

WORDS = "하나 둘 셋 넷 다섯"
EMBEDDED = {"provider": "own", "model": "e5", "tokens": 7}


class Shelf(BaseRetriever):
    """Finds nothing, for 7 tokens, and lets a test step in between."""

    find: Any
    then: Callable[[], Any]

    async def _aget_relevant_documents(self, query, *, run_manager) -> list[Document]:
        await self.find(query, 5)
        self.then()
        return []

    def _get_relevant_documents(self, query, *, run_manager):
        raise NotImplementedError


class Answerer:
    provider, model = "test", "words"

    def __init__(self) -> None:
        self.replies = iter([WORDS])
        self.found: Callable[[], Any] = lambda: None

    def start(self, question, *, history, find, instructions):
        chain = AnswerChain(GenericFakeChatModel(messages=self.replies), model_name=self.model)
        return chain.start(question, retriever=Shelf(find=find, then=self.found), history=history)

    @property
    def was_asked(self) -> bool:
        return next(self.replies, None) is None


class Shaky(Database):
    """`away`: it cannot be reached. `unheard`: it commits once, and the connection breaks before it says so."""

    away = unheard = False

    @asynccontextmanager
    async def transaction(self, *context: Any, **options: Any) -> AsyncIterator[Any]:
        if self.away:
            raise Unavailable(DATABASE_UNAVAILABLE)
        async with super().transaction(*context, **options) as session:
            yield session
        if self.unheard:
            self.unheard = False
            raise Unavailable(DATABASE_UNAVAILABLE)


class Asked:
    """A question that stands in its conversation, and everything around its answer."""

    def __init__(self, rows: Shaky, answerer: Answerer, service: AnswerService, begun: Begun) -> None:
        self.rows, self.answerer, self.service, self.begun = rows, answerer, service, begun
        self.stream = service.stream(begun)

    async def until(self, kind: type[AnswerEvent]) -> None:
        while not isinstance(await anext(self.stream), kind):
            pass

    async def fails(self) -> GrowFitError:
        """Reads on to the error; there is no Finished before it."""
        with pytest.raises(GrowFitError) as error:
            await self.until(Finished)
        return error.value


@pytest.fixture
async def ask(database, billed):
    opened: list[Asked] = []

    async def begin() -> Asked:
        rows = Shaky(database.url("rag"), PLUMBING, pool_size=2)
        user_id, answerer = uuid4(), Answerer()
        conversation = await ConversationService(rows).open(user_id, title="", class_id=None, document_ids=[])
        service = AnswerService(rows, answerer, billed, Ranker(), max_seconds=30)
        begun = await service.begin(user_id, conversation.conversation_id, "무엇인가요?")
        opened.append(Asked(rows, answerer, service, begun))
        return opened[-1]

    yield begin
    for asked in opened:
        asked.rows.away = False
        await asked.stream.aclose()
        await asked.service.close()
        await asked.rows.close()


@pytest.fixture
async def sweep(database, sql, billed):
    """Of another process, when the answers are old enough."""
    rows = Database(database.url("rag"), PLUMBING, pool_size=2)
    service = AnswerService(rows, Answerer(), billed, Ranker(), max_seconds=30)

    async def swept(*message_ids: UUID) -> None:
        for message_id in message_ids:
            age = """UPDATE "user".messages SET created_at = now() - interval '1 hour' WHERE message_id = %s"""
            await sql.rows(age, message_id)
        await service.sweep()

    yield swept
    await rows.close()


@pytest.fixture
def impatient(monkeypatch) -> None:
    """Nobody waits long for a database that the test has taken away."""
    monkeypatch.setattr(endings, "CLIENT_WAITS_SECONDS", 0.2)
    monkeypatch.setattr(endings, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(endings, "LONGEST_PAUSE_SECONDS", 0.05)


@pytest.fixture
def booked(sql):
    """The usage by operation, after a look that the end was told once, and as this outcome."""

    async def check(asked: Asked, outcome: Outcome) -> dict[str, Any]:
        (answered,) = await sql.events(MessageAnswered, message_id=asked.begun.message_id)
        assert answered.outcome is outcome
        usage: dict[str, Any] = await sql.usage(f"message/{asked.begun.message_id}")
        return usage

    return check


async def test_whoever_sees_the_end_finds_the_answer_stored(ask, sql) -> None:
    asked = await ask()
    await asked.until(Finished)

    row = await sql.message(asked.begun.message_id)
    assert (row["state"], row["text"], row["provider"], row["embeddings"]) == ("completed", WORDS, "test", [EMBEDDED])


@pytest.mark.usefixtures("impatient")
async def test_a_whole_answer_is_kept_until_the_database_is_back(ask, sql, booked) -> None:
    asked = await ask()
    await asked.until(Token)
    asked.rows.away = True
    assert (await asked.fails()).code == "answer_not_stored"
    assert (await sql.message(asked.begun.message_id))["state"] == "answering"
    asked.rows.away = False

    row = await sql.ended(asked.begun.message_id)
    assert (row["state"], row["text"]) == ("completed", WORDS)
    usage = await booked(asked, Outcome.COMPLETED)
    assert (usage["embedding"].input_tokens, usage["chat"].outcome) == (7, Outcome.COMPLETED)


@pytest.mark.usefixtures("impatient")
async def test_an_answer_whose_client_left_is_kept_until_the_database_is_back(ask, sql, booked) -> None:
    asked = await ask()
    await asked.until(Token)
    asked.rows.away = True
    await asked.stream.aclose()
    asked.rows.away = False

    row = await sql.ended(asked.begun.message_id)
    assert (row["state"], row["text"]) == ("cancelled", "하나")
    assert set(await booked(asked, Outcome.CANCELLED)) == {"embedding", "chat"}


async def test_a_commit_that_nobody_heard_of_is_not_repeated(ask, sql, booked) -> None:
    asked = await ask()
    await asked.until(Token)
    asked.rows.unheard = True
    await asked.until(Finished)

    assert (await sql.message(asked.begun.message_id))["state"] == "completed"
    assert set(await booked(asked, Outcome.COMPLETED)) == {"embedding", "chat"}


@pytest.mark.usefixtures("impatient")
async def test_no_model_is_called_that_could_not_be_written_down(ask, sql, booked) -> None:
    asked = await ask()
    asked.answerer.found = lambda: setattr(asked.rows, "away", True)
    asked.stream = asked.service.stream(asked.begun)
    assert (await asked.fails()).code == "database_unavailable"
    asked.rows.away = False

    row = await sql.ended(asked.begun.message_id)
    assert (row["state"], row["problem"]) == ("failed", "database_unavailable")
    assert set(await booked(asked, Outcome.FAILED)) == {"embedding"}
    assert not asked.answerer.was_asked


async def test_no_model_is_called_for_a_conversation_that_is_gone(ask, sql, booked) -> None:
    asked = await ask()
    await sql.rows('DELETE FROM "user".conversations WHERE conversation_id = %s', asked.begun.conversation_id)
    assert isinstance(await asked.fails(), NotFound)

    assert set(await booked(asked, Outcome.FAILED)) == {"embedding"}
    assert not asked.answerer.was_asked


async def test_a_client_that_left_before_the_model_was_called_owes_the_embedding_alone(ask, sql, booked) -> None:
    asked = await ask()
    await asked.until(Retrieved)
    await asked.stream.aclose()

    row = await sql.message(asked.begun.message_id)
    assert (row["state"], row["provider"], row["input_tokens"]) == ("cancelled", None, 0)
    assert set(await booked(asked, Outcome.CANCELLED)) == {"embedding"}


async def test_an_answer_whose_process_was_killed_is_booked_by_the_sweep(ask, sql, sweep, booked) -> None:
    """To the sweep, an answer that nobody reads on looks like one whose process is gone."""
    asked = await ask()
    org_id, partner_id, class_id = uuid4(), uuid4(), uuid4()
    tenant = 'UPDATE "user".conversations SET org_id = %s, partner_id = %s, class_id = %s WHERE conversation_id = %s'
    await sql.rows(tenant, org_id, partner_id, class_id, asked.begun.conversation_id)
    await asked.until(Token)
    await sweep()
    assert (await sql.message(asked.begun.message_id))["state"] == "answering"
    await sweep(asked.begun.message_id)

    row = await sql.message(asked.begun.message_id)
    assert (row["state"], row["problem"]) == ("failed", "answer_failed")
    usage = await booked(asked, Outcome.FAILED)
    chat = usage["chat"]
    assert (chat.outcome, chat.estimated, chat.provider, chat.model) == (Outcome.FAILED, True, "test", "words")
    assert (chat.input_tokens > 100, chat.input_tokens, chat.output_tokens) == (True, row["input_tokens"], 0)
    assert (usage["embedding"].input_tokens, usage["embedding"].estimated) == (7, False)
    ids = {"org_id": org_id, "partner_id": partner_id, "class_id": class_id}
    for each in usage.values():
        assert each.tenant.model_dump(exclude={"user_id"}) == ids
        assert each.tenant.user_id == asked.begun.asking.allowed.tenant.user_id


async def test_an_answer_killed_before_the_model_was_called_costs_nothing(ask, sweep, booked) -> None:
    asked = await ask()
    await sweep(asked.begun.message_id)

    assert await booked(asked, Outcome.FAILED) == {}


async def test_many_sweeps_book_once(ask, sweep, booked) -> None:
    asked = [await ask() for _ in range(4)]
    for each in asked:
        await each.until(Token)
    await asyncio.gather(*(sweep(*(each.begun.message_id for each in asked)) for _ in range(4)))
    await sweep()

    for each in asked:
        assert set(await booked(each, Outcome.FAILED)) == {"embedding", "chat"}


@pytest.mark.usefixtures("impatient")
async def test_an_answer_that_is_stored_after_the_sweep_is_booked_once(ask, sql, sweep, booked, caplog) -> None:
    asked = await ask()
    await asked.until(Token)
    asked.rows.away = True
    await asked.fails()
    await sweep(asked.begun.message_id)
    asked.rows.away = False
    await asked.service.close()

    assert (await sql.message(asked.begun.message_id))["state"] == "failed"
    usage = await booked(asked, Outcome.FAILED)
    assert (set(usage), usage["chat"].estimated) == ({"embedding", "chat"}, True)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_the_sweep_and_the_end_at_the_same_time_book_once(ask, sql, sweep) -> None:
    """Either may win; what was told and what is booked is then the winner's."""
    for _ in range(8):
        asked = await ask()
        await asked.until(Token)
        await asyncio.gather(asked.until(Finished), sweep(asked.begun.message_id))

        state = (await sql.message(asked.begun.message_id))["state"]
        (answered,) = await sql.events(MessageAnswered, message_id=asked.begun.message_id)
        usage = await sql.usage(f"message/{asked.begun.message_id}")
        assert set(usage) == {"embedding", "chat"}
        assert state == answered.outcome == usage["chat"].outcome


async def test_a_sweep_without_a_database_is_made_up_for(ask, sweep, booked) -> None:
    asked = await ask()
    await asked.until(Token)
    asked.rows.away = True
    with pytest.raises(Unavailable):
        await asked.service.sweep()
    await sweep(asked.begun.message_id)

    assert set(await booked(asked, Outcome.FAILED)) == {"embedding", "chat"}


@pytest.mark.usefixtures("impatient")
async def test_a_database_that_stays_away_leaves_the_answer_to_the_sweep(ask, sweep, booked, monkeypatch) -> None:
    monkeypatch.setattr(endings, "GIVE_UP_SECONDS", 0)
    asked = await ask()
    await asked.until(Token)
    asked.rows.away = True
    await asked.fails()
    asked.rows.away = False
    await asked.service.close()
    await sweep(asked.begun.message_id)

    assert set(await booked(asked, Outcome.FAILED)) == {"embedding", "chat"}


@pytest.mark.usefixtures("impatient")
async def test_a_process_that_ends_without_a_database_leaves_the_answer_to_the_sweep(
    ask, sql, sweep, booked, monkeypatch
) -> None:
    monkeypatch.setattr(endings, "SHUTDOWN_SECONDS", 0.05)
    asked = await ask()
    await asked.until(Token)
    asked.rows.away = True
    await asked.fails()
    await asked.service.close()
    asked.rows.away = False
    await asked.service.close()
    assert (await sql.message(asked.begun.message_id))["state"] == "answering"
    await sweep(asked.begun.message_id)

    assert set(await booked(asked, Outcome.FAILED)) == {"embedding", "chat"}

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.retrievers import BaseRetriever

from chassis.errors import Invalid, Unavailable
from rag.chains.answer import CUT, Answer, AnswerChain, AnswerEvent, Cited, Finished, Retrieved, Token
from rag.chains.metering import Usage, UsageMeter
from rag.chains.prompt import PromptBudget, Turn

REFUND = "환불은 5일 걸립니다. 수수료는 없습니다."


class Found(BaseRetriever):
    texts: tuple[str, ...] = (REFUND,)

    def _get_relevant_documents(self, query: str, *, run_manager: object) -> list[Document]:
        place = {"doc_id": "d1", "title": "안내서", "page_from": 11, "page_to": 11, "char_start": 0}
        return [
            Document(text, id=f"c{n}", metadata={**place, "char_end": len(text)}) for n, text in enumerate(self.texts)
        ]


def start(chat: Any, question: str = "환불은 며칠 걸려요?", *, history: tuple[Turn, ...] = (), **found: Any) -> Answer:
    return AnswerChain(chat, model_name="configured").start(question, retriever=Found(**found), history=history)


async def collect(answer: AsyncIterator[AnswerEvent]) -> list[AnswerEvent]:
    return [event async for event in answer]


def text_of(events: list[AnswerEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


async def test_a_provider_streams_text_citations_and_its_usage(provider: Any) -> None:
    answer = start(provider.chat())
    events = await collect(answer)

    assert isinstance(events[0], Retrieved)
    assert [passage.chunk_id for passage in events[0].passages] == ["c0"]
    assert text_of(events) == answer.text == "환불은 5일 걸립니다. [1] 끝."
    [cited] = [event.citation for event in events if isinstance(event, Cited)]
    assert (cited.quote, cited.page_from) == ("환불은 5일 걸립니다.", 11)
    assert events[-1] == Finished(Usage(100, 15), "test-model-2027", "stop")
    assert len([event for event in events if isinstance(event, Token)]) > 2  # streamed, not at once


async def test_the_provider_is_asked_for_its_usage_and_gets_the_whole_prompt(provider: Any) -> None:
    history = (Turn("user", "안녕하세요"), Turn("assistant", "네, 말씀하세요."))
    await collect(start(provider.chat(), history=history))

    [request] = provider.requests
    assert request["stream_options"] == {"include_usage": True}
    assert [message["role"] for message in request["messages"]] == ["system", "user", "assistant", "user"]
    assert REFUND in request["messages"][-1]["content"]


async def test_history_and_passages_are_cut_to_the_budget(provider: Any) -> None:
    chain = AnswerChain(provider.chat(), model_name="m", budget=PromptBudget(passages=100, history=50))
    history = (Turn("user", "가" * 170), Turn("assistant", "나" * 17), Turn("user", "다" * 17), Turn("assistant", "라"))
    answer = chain.start("?", retriever=Found(texts=("마" * 170, "바" * 170)), history=history)
    retrieved, *_ = await collect(answer)

    [request] = provider.requests
    assert [len(message["content"]) for message in request["messages"][1:3]] == [17, 1]
    assert isinstance(retrieved, Retrieved)
    assert len(retrieved.passages) == 1
    assert "바" not in request["messages"][-1]["content"]


async def test_usage_that_every_chunk_repeats_is_not_added_up(provider: Any) -> None:
    provider.usage = "every"
    *_, finished = await collect(start(provider.chat()))

    assert isinstance(finished, Finished)
    assert finished.usage == Usage(100, 15)


async def test_usage_that_is_not_reported_is_estimated_and_says_so(provider: Any) -> None:
    provider.usage = "none"
    *_, finished = await collect(start(provider.chat()))

    assert isinstance(finished, Finished)
    assert finished.usage.estimated
    assert finished.usage.input_tokens > 100  # the rules, the passage and the question
    assert 5 <= finished.usage.output_tokens <= 20


async def test_a_reply_that_ends_without_a_reason_was_cut(provider: Any) -> None:
    provider.ends_quietly = True
    *_, finished = await collect(start(provider.chat()))

    assert isinstance(finished, Finished)
    assert finished.finish_reason == CUT
    assert finished.usage.estimated


async def test_a_reply_that_reached_its_length_says_so(provider: Any) -> None:
    provider.finish_reason = "length"
    *_, finished = await collect(start(provider.chat()))

    assert isinstance(finished, Finished)
    assert finished.finish_reason == "length"


async def test_a_broken_connection_is_unavailable_and_leaves_what_there_was(provider: Any) -> None:
    provider.cut_after = 2
    answer = start(provider.chat())
    with pytest.raises(Unavailable) as failed:
        await collect(answer)

    assert failed.value.code == "answer_failed"
    assert answer.text.strip() == "환불은 5일"
    assert answer.usage.estimated
    assert answer.usage.output_tokens > 0
    assert answer.model == "configured" or answer.model.startswith("test-model")


@pytest.mark.parametrize(
    ("status", "kind", "code", "worked_on"),
    [
        (401, Invalid, "model_refused", False),
        (400, Invalid, "model_refused", False),
        (429, Unavailable, "model_unavailable", False),
        (500, Unavailable, "model_unavailable", True),
    ],
)
async def test_what_the_provider_answers_decides_the_kind_of_error_and_what_is_owed(
    provider: Any, status: int, kind: type[Exception], code: str, worked_on: bool
) -> None:
    provider.status = status
    answer = start(provider.chat())
    with pytest.raises(kind) as failed:
        await collect(answer)

    assert failed.value.code == code
    assert answer.text == ""
    assert answer.called
    assert (answer.usage.input_tokens > 100, answer.usage.output_tokens) == (worked_on, 0)
    assert answer.usage.estimated


async def test_nobody_listening_is_unavailable_and_costs_nothing(provider: Any, unused_tcp_port: int) -> None:
    provider.port = unused_tcp_port
    answer = start(provider.chat())
    with pytest.raises(Unavailable):
        await collect(answer)

    assert answer.called
    assert answer.usage == Usage(0, 0, estimated=True)


async def test_a_connection_that_is_cut_before_the_first_word_may_have_been_worked_on(provider: Any) -> None:
    provider.cut_after = 0
    answer = start(provider.chat())
    with pytest.raises(Unavailable):
        await collect(answer)

    assert answer.usage.estimated
    assert (answer.usage.input_tokens > 100, answer.usage.output_tokens) == (True, 0)


async def test_a_failure_that_knows_what_it_cost_is_booked_with_it() -> None:
    class Costly(Exception):
        tokens = 7

    class Failing(GenericFakeChatModel):
        async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
            raise Costly
            yield

    answer = start(Failing(messages=iter([])))
    with pytest.raises(Unavailable):
        await collect(answer)

    assert answer.usage == Usage(7, 0)


async def test_a_cancel_ends_the_providers_stream_and_keeps_text_and_usage(provider: Any) -> None:
    provider.words, provider.pause = ["낱말 "] * 2_000, 0.01
    answer = start(provider.chat())
    begun = asyncio.Event()

    async def listen() -> None:
        async for event in answer:
            if isinstance(event, Token):
                begun.set()

    task = asyncio.create_task(listen())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.wait_for(provider.left.wait(), timeout=5)
    assert answer.text.startswith("낱말")
    assert answer.usage.estimated
    assert answer.usage.input_tokens > 100
    assert answer.usage.output_tokens > 0


async def test_closing_from_another_task_ends_the_providers_stream(provider: Any) -> None:
    provider.words, provider.pause = ["낱말 "] * 2_000, 0.01
    answer = start(provider.chat())
    async for event in answer:
        if isinstance(event, Token):
            break
    await asyncio.create_task(answer.aclose())

    await asyncio.wait_for(provider.left.wait(), timeout=5)
    assert answer.text
    with pytest.raises(StopAsyncIteration):
        await anext(answer)


async def test_before_the_model_is_called_nothing_is_owed(provider: Any) -> None:
    answer = start(provider.chat())
    assert answer.usage == Usage(0, 0)
    retrieved = await anext(answer)
    assert isinstance(retrieved, Retrieved)
    assert retrieved.prompt_tokens > 100
    assert answer.usage == Usage(0, 0)
    await answer.aclose()

    assert (answer.called, provider.requests) == (False, [])


async def test_what_the_retriever_raises_is_its_own_affair(provider: Any) -> None:
    class Broken(Found):
        def _get_relevant_documents(self, query: str, *, run_manager: object) -> list[Document]:
            raise LookupError(query)

    with pytest.raises(LookupError):
        await collect(AnswerChain(provider.chat(), model_name="m").start("?", retriever=Broken()))


async def test_any_chat_model_will_do_and_its_answer_is_made_safe() -> None:
    reply = "자세히는 [여기](https://evil.example/?q=1)와 ![x](https://evil.example/p.png) [1] [7]"
    events = await collect(start(GenericFakeChatModel(messages=iter([AIMessage(reply)]))))

    assert text_of(events) == "자세히는 여기와 x [1]"
    assert [event.citation.marker for event in events if isinstance(event, Cited)] == [1]


async def test_the_notice_for_a_removed_address_speaks_the_questions_language() -> None:
    reply = [AIMessage("see https://evil.example/x now"), AIMessage("https://evil.example/x 를 보세요")]
    chat = GenericFakeChatModel(messages=iter(reply))

    assert text_of(await collect(start(chat, "where?"))) == "see (link removed) now"
    assert text_of(await collect(start(chat, "어디?"))) == "(링크 삭제) 를 보세요"


def test_usage_spread_over_chunks_adds_up() -> None:
    meter = UsageMeter()
    for counts in ((40, 0), (0, 3), (0, 4)):
        usage = {"input_tokens": counts[0], "output_tokens": counts[1], "total_tokens": sum(counts)}
        meter.add(AIMessageChunk("x", usage_metadata=usage))
    meter.add(AIMessageChunk("x"))

    assert meter.usage(prompt_tokens=1, answer="xxxx") == Usage(40, 7)


def test_usage_of_zero_for_an_answer_is_not_believed() -> None:
    meter = UsageMeter()
    meter.add(AIMessageChunk("x", usage_metadata={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}))

    assert meter.usage(prompt_tokens=10, answer="x" * 40) == Usage(10, 10, estimated=True)

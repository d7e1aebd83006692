"""The chain behind every answer: retriever → prompt → any LangChain chat model → text, citations, usage."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.retrievers import BaseRetriever

from chassis.errors import GrowFitError, Invalid, Unavailable
from rag.chains.citations import Citation, CitedText
from rag.chains.metering import Usage, UsageMeter, is_refusal, usage_of_failure
from rag.chains.passages import Passage, estimate_tokens, is_korean
from rag.chains.prompt import PromptBudget, Turn, answer_prompt, fit_history, fit_passages, prompt_inputs
from rag.errors import ANSWER_FAILED, MODEL_REFUSED, MODEL_UNAVAILABLE

CUT = "cut"  # the finish reason of a stream that ended without one: the provider did not say that it was done

_TRY_AGAIN = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages that the prompt holds, the best first; marker [n] means passages[n - 1].

    The model is called when the next event is asked for, with a prompt of about `prompt_tokens`.
    """

    passages: tuple[Passage, ...]
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Token:
    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    citation: Citation


@dataclass(frozen=True, slots=True)
class Finished:
    """`finish_reason` is the provider's (`stop`, `length`, …) or `CUT`."""

    usage: Usage
    model: str
    finish_reason: str


type AnswerEvent = Retrieved | Token | Cited | Finished


class AnswerChain:
    """`model_name` is what usage is booked under when the stream ends before the provider names its model."""

    def __init__(self, model: BaseChatModel, *, model_name: str, budget: PromptBudget | None = None) -> None:
        self._model = model
        self._model_name = model_name
        self._budget = budget or PromptBudget()

    def start(
        self, question: str, *, retriever: BaseRetriever, history: Sequence[Turn] = (), instructions: str = ""
    ) -> "Answer":
        return Answer(
            question,
            model=self._model,
            model_name=self._model_name,
            budget=self._budget,
            retriever=retriever,
            history=history,
            instructions=instructions,
        )


class Answer(AsyncIterator[AnswerEvent]):
    """One answer on its way. Iterate over it: Retrieved, then Token and Cited, at last Finished.

    `text`, `called`, `usage` and `model` hold what there is so far, so a caller that is cancelled, or closes this
    early, can still store and book it. Raises what the retriever raises, and of the model Unavailable or Invalid.
    """

    def __init__(
        self,
        question: str,
        *,
        model: BaseChatModel,
        model_name: str,
        budget: PromptBudget,
        retriever: BaseRetriever,
        history: Sequence[Turn],
        instructions: str = "",
    ) -> None:
        self.text = ""
        self.called = False
        self.model = model_name
        self._question = question
        self._retriever = retriever
        self._history = fit_history(history, tokens=budget.history)
        self._budget = budget
        self._instructions = instructions
        self._prompt = answer_prompt()
        self._chain = self._prompt | model
        self._prompt_tokens = 0
        self._failed: Usage | None = None
        self._meter = UsageMeter()
        self._finish_reason = CUT
        self._events = self._run()

    @property
    def usage(self) -> Usage:
        """Zero until the model is called, then estimated until the provider reports it."""
        if not self.called:
            return Usage(0, 0)
        return self._failed or self._meter.usage(prompt_tokens=self._prompt_tokens, answer=self.text)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AnswerEvent:
        return await anext(self._events)

    async def aclose(self) -> None:
        """Ends the provider's stream too."""
        await self._events.aclose()

    async def _run(self) -> AsyncGenerator[AnswerEvent]:
        documents = await self._retriever.ainvoke(self._question)
        found = [Passage.from_document(document) for document in documents]
        passages = fit_passages(found, tokens=self._budget.passages)
        inputs = prompt_inputs(
            self._question, passages=passages, history=self._history, instructions=self._instructions
        )
        self._prompt_tokens = estimate_tokens(self._prompt.format(**inputs))
        yield Retrieved(tuple(passages), self._prompt_tokens)
        self.called = True
        reader = CitedText(passages, notice="(링크 삭제)" if is_korean(self._question) else "(link removed)")
        async with aclosing(self._stream(inputs)) as chunks:
            async for chunk in chunks:
                for event in self._shown(reader.feed(chunk.text)):
                    yield event
        for event in self._shown(reader.finish()):
            yield event
        yield Finished(self.usage, self.model, self._finish_reason)

    async def _stream(self, inputs: dict[str, Any]) -> AsyncGenerator[AIMessageChunk]:
        received = False
        try:
            async with aclosing(cast("AsyncGenerator[AIMessageChunk]", self._chain.astream(inputs))) as chunks:
                async for chunk in chunks:
                    received = True
                    self._note(chunk)
                    yield chunk
        except Exception as error:
            if not received:
                self._failed = usage_of_failure(error, prompt_tokens=self._prompt_tokens)
            if isinstance(error, GrowFitError):
                raise
            raise _failure(error, started=received) from error

    def _note(self, chunk: AIMessageChunk) -> None:
        self._meter.add(chunk)
        self.model = chunk.response_metadata.get("model_name") or self.model
        self._finish_reason = chunk.response_metadata.get("finish_reason") or self._finish_reason

    def _shown(self, parts: Iterator[str | Citation]) -> Iterator[AnswerEvent]:
        for part in parts:
            if isinstance(part, Citation):
                yield Cited(part)
            else:
                self.text += part
                yield Token(part)


def _failure(error: Exception, *, started: bool) -> Unavailable | Invalid:
    """A provider that refuses the request refuses it again; everything else may work the next time."""
    if is_refusal(error) and getattr(error, "status_code", None) not in _TRY_AGAIN:
        return Invalid(MODEL_REFUSED)
    return Unavailable(ANSWER_FAILED if started else MODEL_UNAVAILABLE)

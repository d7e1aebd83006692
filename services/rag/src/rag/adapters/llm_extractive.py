"""The chat model of an installation without a provider: it answers with sentences of the documents, and cites them.

It reads the same prompt as any other chat model and cannot invent: an answer is at most two sentences that stand in
the documents, or the words that say there is none. It is called `growfit-extractive` wherever a model's name shows.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams
from langchain_core.language_models.chat_models import agenerate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from rag.chains import evidence
from rag.chains.prompt import PromptDocument, not_found, read_prompt
from rag.chains.sentences import Sentence, Split, cut_sentences

MODEL_NAME = "growfit-extractive"

# Embeds the texts in one call: unit vectors [n, 384] and the tokens that were embedded.
type EmbedSentences = Callable[[list[str], Literal["query", "passage"]], Awaitable[tuple[evidence.Vectors, int]]]
type Terms = Callable[[str], Sequence[str]]

_MARKER_IN_TEXT = re.compile(r"\[(\d{1,2})\]")  # a document's own "[3]" would read as a citation
_TOKENS_PER_CHARACTER = 1 / 1.74  # of the embedder on Korean; for an answer that nothing had to be embedded for
_WORD = re.compile(r"\S+\s*")


@dataclass(frozen=True, slots=True)
class _Selection:
    chosen: list[Sentence]
    input_tokens: int  # embedded for this answer
    tokens_per_character: float


class ExtractiveChatModel(BaseChatModel):
    """Async only. Usage: input tokens are those embedded for the answer; output tokens, at the same rate, its text."""

    embed: EmbedSentences
    terms: Terms
    split: Split
    thresholds: evidence.Thresholds = evidence.E5_SMALL

    @property
    def _llm_type(self) -> str:
        return MODEL_NAME

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": MODEL_NAME}

    def _get_ls_params(self, stop: list[str] | None = None, **_: Any) -> LangSmithParams:
        return LangSmithParams(ls_provider="growfit", ls_model_name=MODEL_NAME, ls_model_type="chat", ls_stop=stop)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError(f"{MODEL_NAME} is async: use ainvoke or astream")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - nothing is generated that could be stopped
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - astream reports the chunks
        **_: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        question, documents = read_prompt(messages)
        selection = await self._select(question, documents)
        answer = _answer(selection.chosen) or not_found(question)
        input_tokens, shown, counted = selection.input_tokens, 0, 0
        for word in _WORD.findall(answer):
            shown += len(word)
            output_tokens = round(shown * selection.tokens_per_character) - counted
            yield _chunk(word, input_tokens=input_tokens, output_tokens=output_tokens)
            input_tokens, counted = 0, counted + output_tokens
        yield _last_chunk(refused=not selection.chosen)

    async def _select(self, question: str, documents: Sequence[PromptDocument]) -> _Selection:
        sentences, covered = await asyncio.to_thread(self._analyse, question, documents)
        if not question or not sentences:
            return _Selection([], 0, _TOKENS_PER_CHARACTER)
        texts = [sentence.meaning for sentence in sentences]
        (asked, asked_tokens), (vectors, tokens) = await asyncio.gather(
            self.embed([question], "query"), self.embed(texts, "passage")
        )
        chosen = evidence.choose(
            question,
            sentences,
            covered=covered,
            cosines=(vectors @ asked[0]).tolist(),
            thresholds=self.thresholds,
        )
        tokens += asked_tokens
        characters = len(question) + sum(map(len, texts))
        return _Selection([sentences[index] for index in chosen], tokens, tokens / characters)

    def _analyse(self, question: str, documents: Sequence[PromptDocument]) -> tuple[list[Sentence], list[float]]:
        """The sentences worth embedding, and their coverage."""
        sentences = cut_sentences(documents, split=self.split)
        covered = evidence.coverage(evidence.question_terms(self.terms(question)), sentences)
        kept = evidence.preselect(sentences, covered)
        return [sentences[index] for index in kept], [covered[index] for index in kept]


def _answer(chosen: Sequence[Sentence]) -> str:
    return "\n".join(f"{_MARKER_IN_TEXT.sub(r'(\1)', sentence.text)} [{sentence.document}]" for sentence in chosen)


def _chunk(text: str, *, input_tokens: int, output_tokens: int) -> ChatGenerationChunk:
    usage = UsageMetadata(
        input_tokens=input_tokens, output_tokens=output_tokens, total_tokens=input_tokens + output_tokens
    )
    return ChatGenerationChunk(message=AIMessageChunk(content=text, usage_metadata=usage), text=text)


def _last_chunk(*, refused: bool) -> ChatGenerationChunk:
    """Model name and reason stand in one chunk alone: LangChain joins the strings of equal keys."""
    facts = {"model_name": MODEL_NAME, "finish_reason": "stop", "refused": refused}
    return ChatGenerationChunk(
        message=AIMessageChunk(content="", response_metadata=facts, chunk_position="last"), generation_info=facts
    )

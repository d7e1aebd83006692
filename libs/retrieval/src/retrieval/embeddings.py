"""Embeddings from any OpenAI-compatible provider, with the tokens that each call is billed."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from retrieval.embedding_provider import EndpointMissing, Provider
from retrieval.embedding_replies import billed_tokens, parse_counts, parse_vectors
from retrieval.errors import EmbeddingError
from retrieval.models import EmbeddingModel
from retrieval.text import storable
from retrieval.token_estimate import estimate_tokens

type Kind = Literal["query", "passage"]

# What one call of /tokenize may hold: texts, and characters of them together.
_TOKENIZE_BATCH = 1_000
_TOKENIZE_CHARACTERS = 500_000


@dataclass(frozen=True, slots=True)
class Embedded:
    """`vectors`: float32 [texts, dimension], each of length 1. `tokens`: what the provider billed."""

    vectors: NDArray[np.float32]
    tokens: int


class MeteredEmbeddings(Embeddings):
    """`base_url` ends in /v1. The model's prefixes are added here, so providers and callers need not know them.

    `embed` is the method to use: its tokens can be booked. LangChain's four methods have no place for tokens and
    give them to `on_tokens`. All raise EmbeddingUnavailable or EmbeddingRefused, whose `tokens` are to be booked too.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        *,
        base_url: str,
        api_key: str = "",
        timeout: float = 60.0,
        retries: int = 2,
        batch_size: int = 32,
        concurrency: int = 2,
        on_tokens: Callable[[int], None] | None = None,
    ) -> None:
        self.model = model
        self._provider_of = partial(Provider, base_url, api_key=api_key, timeout=timeout, retries=retries)
        self._provider = self._provider_of()
        self._batch_size = batch_size
        self._concurrency = concurrency
        self._on_tokens = on_tokens
        self._can_tokenize = True

    async def close(self) -> None:
        await self._provider.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Splits a long list into batches, `concurrency` of them at a time. When one fails, the error's tokens are
        those of the whole call.
        """
        return await self._embed(self._provider, texts, kind)

    async def _embed(self, provider: Provider, texts: Sequence[str], kind: Kind) -> Embedded:
        batches = [self._inputs(part, kind) for part in _parts(texts, self._batch_size)]
        turns = asyncio.Semaphore(self._concurrency)
        done = await asyncio.gather(
            *(self._embed_batch(provider, each, turns) for each in batches), return_exceptions=True
        )
        tokens = sum(each.tokens for each in done if isinstance(each, Embedded | EmbeddingError))
        for each in done:
            if isinstance(each, EmbeddingError):
                each.tokens = tokens
            if isinstance(each, BaseException):
                raise each
        vectors = [each.vectors for each in done if isinstance(each, Embedded)]
        return Embedded(np.concatenate([np.zeros((0, self.model.dimension), np.float32), *vectors]), tokens)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as it stands, with the model's special tokens, without a prefix. Where the provider
        has no /tokenize it is an estimate from above (retrieval.token_estimate).
        """
        counts: list[int] = []
        for part in _countable(texts):
            counts += await self._count_batch([storable(text) for text in part])
        return counts

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return _lists(self._metered(await self.embed(texts, "passage")))

    async def aembed_query(self, text: str) -> list[float]:
        return _lists(self._metered(await self.embed([text], "query")))[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return _lists(self._embed_now(texts, "passage"))

    def embed_query(self, text: str) -> list[float]:
        return _lists(self._embed_now([text], "query"))[0]

    def _inputs(self, texts: Sequence[str], kind: Kind) -> list[str]:
        prefix = self.model.query_prefix if kind == "query" else self.model.passage_prefix
        return [prefix + storable(text) for text in texts]

    async def _embed_batch(self, provider: Provider, inputs: list[str], turns: asyncio.Semaphore) -> Embedded:
        async with turns:
            body = {"model": self.model.name, "input": inputs, "encoding_format": "base64"}
            reply = await provider.post("/embeddings", body)
        return self._embedded(inputs, reply)

    def _embed_now(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
        """For LangChain's synchronous callers alone: a loop of its own, in a thread, as theirs may be running one."""

        async def embed() -> Embedded:
            async with aclosing(self._provider_of()) as provider:
                return await self._embed(provider, texts, kind)

        with ThreadPoolExecutor(max_workers=1) as thread:
            return self._metered(thread.submit(asyncio.run, embed()).result())

    def _embedded(self, inputs: list[str], reply: object) -> Embedded:
        tokens = billed_tokens(reply)
        if tokens is None:
            tokens = sum(estimate_tokens(text) + self.model.special_tokens for text in inputs)
        try:
            vectors = parse_vectors(reply, count=len(inputs), dimension=self.model.dimension)
        except EmbeddingError as error:
            error.tokens = tokens
            raise
        return Embedded(vectors, tokens)

    async def _count_batch(self, texts: list[str]) -> list[int]:
        if self._can_tokenize:
            try:
                reply = await self._provider.post("/tokenize", {"model": self.model.name, "input": texts})
                return parse_counts(reply, count=len(texts))
            except EndpointMissing:
                self._can_tokenize = False
        return [estimate_tokens(text) + self.model.special_tokens for text in texts]

    def _metered(self, embedded: Embedded) -> NDArray[np.float32]:
        if self._on_tokens is not None:
            self._on_tokens(embedded.tokens)
        return embedded.vectors


def _parts[T](values: Sequence[T], size: int) -> list[Sequence[T]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _countable(texts: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    characters = 0
    for text in texts:
        characters += len(text)
        if part and (len(part) == _TOKENIZE_BATCH or characters > _TOKENIZE_CHARACTERS):
            yield part
            part, characters = [], len(text)
        part.append(text)
    if part:
        yield part


def _lists(vectors: NDArray[np.float32]) -> list[list[float]]:
    lists: list[list[float]] = vectors.tolist()
    return lists

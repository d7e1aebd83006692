"""Embeddings from any OpenAI-compatible provider, with the tokens that each call is billed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from openai import APIStatusError, AsyncOpenAI, OpenAI, OpenAIError, Timeout
from openai.types import CreateEmbeddingResponse

from retrieval.embedding_failures import embedding_failure
from retrieval.embedding_replies import billed_tokens, parse_counts, parse_vectors
from retrieval.errors import EmbeddingError
from retrieval.models import EmbeddingModel
from retrieval.text import storable
from retrieval.token_estimate import estimate_tokens

type Kind = Literal["query", "passage"]

_MISSING_ENDPOINT = frozenset({404, 405, 501})
_TOKENIZE_BATCH = 1_000


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
        self._settings: dict[str, Any] = {
            "base_url": base_url,
            "api_key": api_key or "none",  # the client refuses an empty key, local servers want none
            "timeout": Timeout(timeout, connect=5.0),
            "max_retries": retries,
        }
        self._client = AsyncOpenAI(**self._settings)
        self._batch_size = batch_size
        self._concurrency = concurrency
        self._on_tokens = on_tokens
        self._can_tokenize = True

    async def close(self) -> None:
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def embed(self, texts: Sequence[str], kind: Kind) -> Embedded:
        """Splits a long list into batches, `concurrency` of them at a time. When one fails, the error's tokens are
        those of the whole call.
        """
        batches = [self._inputs(part, kind) for part in _parts(texts, self._batch_size)]
        turns = asyncio.Semaphore(self._concurrency)
        done = await asyncio.gather(*(self._embed_batch(each, turns) for each in batches), return_exceptions=True)
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
        for part in _parts(texts, _TOKENIZE_BATCH):
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

    def _request(self, inputs: list[str]) -> dict[str, Any]:
        return {"model": self.model.name, "input": inputs, "encoding_format": "base64"}

    async def _embed_batch(self, inputs: list[str], turns: asyncio.Semaphore) -> Embedded:
        async with turns:
            try:
                reply = await self._client.embeddings.create(**self._request(inputs))
            except OpenAIError as error:
                raise embedding_failure(error, tokens=0) from error
        return self._embedded(inputs, reply)

    def _embed_now(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
        """For LangChain's synchronous callers alone; a client of its own, because an async one has its loop."""
        done = [np.zeros((0, self.model.dimension), np.float32)]
        with OpenAI(**self._settings) as client:
            for part in _parts(texts, self._batch_size):
                inputs = self._inputs(part, kind)
                try:
                    reply = client.embeddings.create(**self._request(inputs))
                except OpenAIError as error:
                    raise embedding_failure(error, tokens=0) from error
                done.append(self._metered(self._embedded(inputs, reply)))
        return np.concatenate(done)

    def _embedded(self, inputs: list[str], reply: CreateEmbeddingResponse) -> Embedded:
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
                body = {"model": self.model.name, "input": texts}
                reply = await self._client.post("/tokenize", body=body, cast_to=object)
                return parse_counts(reply, count=len(texts))
            except APIStatusError as error:
                if error.status_code not in _MISSING_ENDPOINT:
                    raise embedding_failure(error, tokens=0) from error
                self._can_tokenize = False
            except OpenAIError as error:
                raise embedding_failure(error, tokens=0) from error
        return [estimate_tokens(text) + self.model.special_tokens for text in texts]

    def _metered(self, embedded: Embedded) -> NDArray[np.float32]:
        if self._on_tokens is not None:
            self._on_tokens(embedded.tokens)
        return embedded.vectors


def _parts[T](values: Sequence[T], size: int) -> list[Sequence[T]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _lists(vectors: NDArray[np.float32]) -> list[list[float]]:
    lists: list[list[float]] = vectors.tolist()
    return lists

"""The indexes that this process can read, each with the embedding model that it was built with."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.ingest import ReadIndex
from rag.service.billing import EmbeddingUse
from retrieval.chunks import Vector
from retrieval.configured import ServedModels
from retrieval.embeddings import MeteredEmbeddings
from retrieval.errors import EmbeddingError, ModelUnknown, RetrievalError, StoreUnavailable
from retrieval.models import EmbeddingModel
from retrieval.queries import terms_of_query
from retrieval.store import Hit, VectorStoreAdapter
from retrieval.terms import TermAnalyser

log = logging.getLogger(__name__)

type MakeStore = Callable[[EmbeddingModel], VectorStoreAdapter]
type OnEmbedded = Callable[[EmbeddingUse], None]


class IndexUnreadable(RetrievalError):
    """There are no settings in this process for the index's backend or for its model."""


@dataclass(frozen=True, slots=True)
class Found:
    """`milliseconds`: the index alone. The question's embedding, which two indexes of a model share, is left out."""

    index: ReadIndex
    hits: list[Hit]
    milliseconds: float
    model: EmbeddingModel
    terms: Sequence[str] = ()


class Question:
    """A question on its way to one index or several: embedded once with each model, taken apart once.

    `on_embedded` hears what was billed as soon as it is known, also of a call that failed.
    """

    def __init__(self, text: str, *, on_embedded: OnEmbedded) -> None:
        self._text = text
        self._on_embedded = on_embedded
        self._vectors: dict[str, Vector] = {}
        self._terms: dict[str, list[str]] = {}

    def billed_to(self, on_embedded: OnEmbedded) -> "Question":
        """The same, knowing what this one knows; what it costs from now on is told to another."""
        other = Question(self._text, on_embedded=on_embedded)
        other._vectors, other._terms = self._vectors, self._terms
        return other

    async def vector(self, embeddings: MeteredEmbeddings, *, provider: str) -> Vector:
        """Raises EmbeddingError."""
        model = embeddings.model.name
        if model not in self._vectors:
            try:
                embedded = await embeddings.embed([self._text], "query")
            except EmbeddingError as error:
                self._on_embedded(EmbeddingUse(provider, model, error.tokens))
                raise
            self._vectors[model] = embedded.vectors[0]
            self._on_embedded(EmbeddingUse(provider, model, embedded.tokens))
        return self._vectors[model]

    async def terms(self, analyser: TermAnalyser) -> list[str]:
        if analyser.name not in self._terms:
            self._terms[analyser.name] = await terms_of_query(self._text, analyser=analyser)
        return self._terms[analyser.name]


@dataclass(frozen=True, slots=True)
class Reader:
    """`provider`: the name that embedding questions for it is booked under."""

    index: ReadIndex
    embeddings: MeteredEmbeddings
    store: VectorStoreAdapter
    provider: str

    async def search(
        self, question: Question, *, top_k: int, filters: Mapping[str, Any], patience: float | None = None
    ) -> Found:
        """The words are looked up while the provider embeds. `patience`: seconds for the index.

        Raises:
            RetrievalError: StoreUnavailable also when the patience is at its end.
        """
        terms = asyncio.create_task(question.terms(self.store.analyser))
        try:
            vector = await question.vector(self.embeddings, provider=self.provider)
        except BaseException:
            terms.cancel()
            raise
        words = await terms
        began = time.perf_counter()
        try:
            async with asyncio.timeout(patience):
                hits = await self.store.query(vector, top_k, filters, words)
        except TimeoutError as error:
            raise StoreUnavailable(f"{self.index.index} did not answer in {patience} s") from error
        milliseconds = (time.perf_counter() - began) * 1000
        return Found(self.index, hits, milliseconds, self.embeddings.model, words)


class Readers:
    """Opened at the first use, closed with the service.

    `own`: the index of the settings. `stores`: how to make one, for each backend that there are settings for.
    """

    def __init__(self, own: ReadIndex, *, models: ServedModels, stores: Mapping[str, MakeStore]) -> None:
        self._models = models
        self._stores = stores
        self._embeddings: dict[str, tuple[MeteredEmbeddings, str]] = {}
        self._opened: dict[str, Reader] = {}
        self._lock = asyncio.Lock()
        self._told: set[str] = set()
        self.own = self._make(own)

    async def get(self, index: ReadIndex) -> Reader:
        """Raises IndexUnreadable."""
        reader = self._opened.get(index.index)
        if reader is None:
            async with self._lock:
                reader = self._opened.get(index.index)
                if reader is None:
                    reader = self.own if index.index == self.own.index.index else self._make(index)
                    await reader.store.open()
                    self._opened[index.index] = reader
        return reader

    async def ping(self, index: ReadIndex) -> None:
        """Raises IndexUnreadable, StoreUnavailable."""
        await (await self.get(index)).store.ping()

    async def close(self) -> None:
        for reader in self._opened.values():
            await reader.store.close()
        for embeddings, _ in self._embeddings.values():
            await embeddings.close()

    def _make(self, index: ReadIndex) -> Reader:
        make_store = self._stores.get(index.backend)
        if make_store is None:
            raise self._unreadable(index, f"no settings for the backend {index.backend!r}")
        try:
            embeddings, provider = self._embed_with(index.model)
        except ModelUnknown as error:
            raise self._unreadable(index, str(error)) from error
        if embeddings.model.dimension != index.dimension:
            raise self._unreadable(index, f"{index.model!r} has {embeddings.model.dimension} dimensions here")
        return Reader(index, embeddings, make_store(embeddings.model), provider)

    def _embed_with(self, name: str) -> tuple[MeteredEmbeddings, str]:
        if name not in self._embeddings:
            model, endpoint = self._models.get(name)
            embeddings = MeteredEmbeddings(model, base_url=endpoint.base_url, api_key=endpoint.api_key)
            self._embeddings[name] = embeddings, endpoint.provider
        return self._embeddings[name]

    def _unreadable(self, index: ReadIndex, why: str) -> IndexUnreadable:
        if index.index not in self._told:
            # Once: it would be said at every search.
            self._told.add(index.index)
            log.error("searches should read %s, which this process cannot: %s", index.index, why)
        return IndexUnreadable(f"{index.index}: {why}")

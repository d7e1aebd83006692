"""The one place where a question meets an index: the routed one, the default in its stead, and the shadows behind."""

import logging
import time
from dataclasses import replace

from prometheus_client import CollectorRegistry, Counter

from contracts.ingest import ReadIndex
from rag.service.asking import Asking
from rag.service.readers import Found, IndexUnreadable, OnEmbedded, Question, Readers
from rag.service.routing import Rule
from rag.service.shadows import COMPARED, Shadows
from rag.service.vector_reads import VectorReadService
from retrieval.errors import EmbeddingError, RetrievalError, StoreError

log = logging.getLogger(__name__)

# How long a routed index may take while another one could answer.
PATIENCE_SECONDS = 5.0
# For so long after a failure nobody waits for it again.
REST_SECONDS = 5.0


class Reads:
    def __init__(
        self, rules: VectorReadService, readers: Readers, shadows: Shadows, *, registry: CollectorRegistry
    ) -> None:
        self._rules = rules
        self._readers = readers
        self._shadows = shadows
        self._rests_until: dict[str, float] = {}
        self._fallbacks = Counter(
            "growfit_search_fallbacks",
            "Searches that the default index answered in the stead of the routed one",
            ["index", "instead"],
            registry=registry,
        )

    async def rule(self) -> Rule:
        """Raises Unavailable."""
        return await self._rules.rule()

    async def ping(self) -> None:
        """Raises Unavailable or RetrievalError: the default index cannot be read."""
        await self._readers.ping((await self.rule()).default)

    async def find(self, query: str, *, asking: Asking, top_k: int, on_embedded: OnEmbedded) -> Found:
        """The best chunks of one index, best first.

        Raises:
            RetrievalError: neither the index nor the one in its stead answered.
        """
        question = Question(query, on_embedded=on_embedded)
        shadows = self._shadows.draw(asking.reading)
        # The further ones are for the comparison alone; they change nothing in those before them.
        found = await self._answer(question, asking, top_k=max(top_k, COMPARED) if shadows else top_k)
        for shadow in shadows:
            self._shadows.compare(question, asking, found, shadow=shadow)
        return replace(found, hits=found.hits[:top_k])

    async def _answer(self, question: Question, asking: Asking, *, top_k: int) -> Found:
        index, instead = asking.reading.index, asking.reading.instead
        if instead is None:
            return await self._ask(question, asking, index, top_k=top_k)
        if time.monotonic() >= self._rests_until.get(index.index, 0.0):
            try:
                return await self._ask(question, asking, index, top_k=top_k, patience=PATIENCE_SECONDS)
            except RetrievalError as error:
                if not _another_may_answer(error, index, instead):
                    raise
                self._rest(index, error)
        self._fallbacks.labels(index.index, instead.index).inc()
        return await self._ask(question, asking, instead, top_k=top_k)

    async def _ask(
        self, question: Question, asking: Asking, index: ReadIndex, *, top_k: int, patience: float | None = None
    ) -> Found:
        reader = await self._readers.get(index)
        return await reader.search(question, top_k=top_k, filters=asking.allowed.filters(), patience=patience)

    def _rest(self, index: ReadIndex, error: RetrievalError) -> None:
        if isinstance(error, IndexUnreadable):  # which was said already, and takes no time to find out
            return
        self._rests_until[index.index] = time.monotonic() + REST_SECONDS
        log.warning("%s does not answer; the default does for %.0f s: %s", index.index, REST_SECONDS, error)


def _another_may_answer(error: RetrievalError, index: ReadIndex, instead: ReadIndex) -> bool:
    """Not what is wrong with the question, nor what the other index's embeddings would meet as well."""
    if isinstance(error, EmbeddingError):
        return index.model != instead.model
    return isinstance(error, StoreError | IndexUnreadable)

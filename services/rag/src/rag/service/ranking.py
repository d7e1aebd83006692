"""What a reranker makes of what a search found; without one, or when it fails, the fused order stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.usage import Outcome
from retrieval import retriever
from retrieval.reranking import Billed, Reranker, candidates_to_rerank
from retrieval.store import MAX_TOP_K, Hit


@dataclass(frozen=True, slots=True)
class RerankUse:
    """What one call was billed, and the names that it is booked under."""

    provider: str
    model: str
    tokens: int
    estimated: bool
    outcome: str


class Ranker:
    """`provider`: the name that the reranker's calls are booked under."""

    def __init__(self, reranker: Reranker | None = None, *, provider: str = "") -> None:
        self._reranker, self._provider = reranker, provider

    @property
    def model(self) -> str | None:
        return self._reranker.model if self._reranker else None

    def candidates(self, top_k: int) -> int:
        """How many hits `best` should be given for so many."""
        return min(candidates_to_rerank(top_k), MAX_TOP_K) if self._reranker else top_k

    async def best(
        self, question: str, hits: Sequence[Hit], *, top_k: int, on_reranked: Callable[[RerankUse], None]
    ) -> retriever.Found:
        """`on_reranked` hears once of every call, also of one that fails or is cancelled."""
        found = retriever.Found(list(hits[:top_k]), 0)
        if self._reranker is None:
            return found
        model = self._reranker.model

        def tell(billed: Billed) -> None:
            outcome = Outcome(billed.outcome).value
            on_reranked(RerankUse(self._provider, model, billed.tokens, billed.estimated, outcome))

        found = retriever.Found(list(hits), 0)
        return await retriever.reranked(question, found, self._reranker, top_k=top_k, on_billed=tell)

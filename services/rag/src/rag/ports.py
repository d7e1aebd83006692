"""What rag's services need from outside, each with the adapter that the factory picks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from retrieval.reranking import Billed
from retrieval.store import Hit


@dataclass(frozen=True)
class Ranking:
    """How hits came into their order. `rerank_scores`: by hit id; `rerank_error`: why the reranker did not order."""

    backend: str
    index: str
    model: str
    lexical_weight: float
    terms: Sequence[str]
    rerank_model: str | None
    rerank_scores: Mapping[str, float]
    rerank_error: str | None


@dataclass(frozen=True)
class Ranked:
    hits: list[Hit]
    ranking: Ranking


class Searcher(Protocol):
    async def search(
        self,
        query: str,
        *,
        top_k: int,
        filters: Mapping[str, Any],
        on_tokens: Callable[[int], None],
        on_reranked: Callable[[Billed], None],
    ) -> Ranked:
        """The best chunks inside the filters. `on_tokens` hears what embedding the query was billed, `on_reranked`
        what reranking was.

        Raises Unavailable, Invalid.
        """
        ...

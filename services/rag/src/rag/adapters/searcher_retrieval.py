"""Search through `retrieval`: any embedding provider, any vector store, any reranker or none."""

from collections.abc import Callable, Mapping
from typing import Any

from rag.errors import as_service_error
from rag.ports import Ranked, Ranking
from retrieval.embeddings import MeteredEmbeddings
from retrieval.errors import RetrievalError
from retrieval.reranking import Billed, Reranker
from retrieval.retriever import Found, search
from retrieval.store import VectorStoreAdapter


class RetrievalSearcher:
    """`backend` names the store to whoever asks for an explanation."""

    def __init__(
        self,
        embeddings: MeteredEmbeddings,
        store: VectorStoreAdapter,
        *,
        backend: str,
        reranker: Reranker | None = None,
    ) -> None:
        self._embeddings = embeddings
        self._store = store
        self._backend = backend
        self._reranker = reranker

    async def search(
        self,
        query: str,
        *,
        top_k: int,
        filters: Mapping[str, Any],
        on_tokens: Callable[[int], None],
        on_reranked: Callable[[Billed], None],
    ) -> Ranked:
        try:
            found = await search(
                query,
                embeddings=self._embeddings,
                store=self._store,
                filters=filters,
                top_k=top_k,
                on_tokens=on_tokens,
                reranker=self._reranker,
                on_reranked=on_reranked,
            )
        except RetrievalError as error:
            raise as_service_error(error) from error
        return Ranked(found.hits, self._ranking(found))

    def _ranking(self, found: Found) -> Ranking:
        model = self._store.model
        return Ranking(
            backend=self._backend,
            index=f"growfit_docs:{model.name}:{model.dimension}",
            model=model.name,
            lexical_weight=model.lexical_weight,
            terms=found.terms,
            rerank_model=self._reranker.model if self._reranker else None,
            rerank_scores=found.rerank_scores,
            rerank_error=found.rerank_error,
        )

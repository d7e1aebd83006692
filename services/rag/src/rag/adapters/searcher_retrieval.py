"""Search through `retrieval`: any embedding provider, any vector store."""

from collections.abc import Callable, Mapping
from typing import Any

from rag.errors import as_service_error
from retrieval.embeddings import MeteredEmbeddings
from retrieval.errors import RetrievalError
from retrieval.retriever import search
from retrieval.store import Hit, VectorStoreAdapter


class RetrievalSearcher:
    def __init__(self, embeddings: MeteredEmbeddings, store: VectorStoreAdapter) -> None:
        self._embeddings = embeddings
        self._store = store

    async def search(
        self, query: str, *, top_k: int, filters: Mapping[str, Any], on_tokens: Callable[[int], None]
    ) -> list[Hit]:
        try:
            found = await search(
                query,
                embeddings=self._embeddings,
                store=self._store,
                filters=filters,
                top_k=top_k,
                on_tokens=on_tokens,
            )
        except RetrievalError as error:
            raise as_service_error(error) from error
        return found.hits

"""Retrieval for one caller: a question in, the best chunks of the caller's scopes out."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from retrieval.embeddings import Embedded, MeteredEmbeddings
from retrieval.errors import EmbeddingError, QueryInvalid, RerankError
from retrieval.filters import parse_search_filters
from retrieval.queries import checked_top_k, terms_of_query
from retrieval.reranking import Billed, Reranker, candidates_to_rerank
from retrieval.store import MAX_TOP_K, Hit, VectorStoreAdapter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """`tokens`: what embedding the question was billed. `terms`: the question's. `rerank_scores`: by hit id, when a
    reranker made the order. `rerank_error`: why one that was asked did not.
    """

    hits: list[Hit]
    tokens: int
    terms: Sequence[str] = ()
    rerank_scores: Mapping[str, float] = field(default_factory=dict)
    rerank_error: str | None = None


async def search(
    question: str,
    *,
    embeddings: MeteredEmbeddings,
    store: VectorStoreAdapter,
    filters: Mapping[str, Any],
    top_k: int,
    on_tokens: Callable[[int], None] | None = None,
    reranker: Reranker | None = None,
    on_reranked: Callable[[Billed], None] | None = None,
) -> Found:
    """The words are looked up while the provider embeds. Raises RetrievalError.

    `on_tokens` is told what was billed as soon as it is known, so that a search which fails or is cancelled after
    that is booked too; who passes it need not look at Found.tokens or at an error's tokens. `on_reranked` likewise.

    A reranker orders more hits than are wanted, of which the best stay. When it fails, the fused order stands.
    """
    if not question.strip():
        raise QueryInvalid("the question is empty")
    parse_search_filters(filters)
    checked_top_k(top_k)
    on_tokens = on_tokens or _ignore
    terms = asyncio.create_task(terms_of_query(question, analyser=store.analyser))
    try:
        embedded = await embeddings.embed([question], "query")
    except BaseException as error:
        terms.cancel()
        if isinstance(error, EmbeddingError):
            on_tokens(error.tokens)
        raise
    # A task, so that the store has the query before the caller begins to book.
    wanted = min(candidates_to_rerank(top_k), MAX_TOP_K) if reranker else top_k
    asked = asyncio.create_task(_ask(store, embedded, terms, filters=filters, top_k=wanted))
    on_tokens(embedded.tokens)
    found = Found(await asked, embedded.tokens, await terms)
    return found if reranker is None else await reranked(question, found, reranker, top_k=top_k, on_billed=on_reranked)


async def reranked(
    question: str, found: Found, reranker: Reranker, *, top_k: int, on_billed: Callable[[Billed], None] | None
) -> Found:
    """The best of what was found, in the reranker's order, or in the order that they have when it fails."""
    if not found.hits:
        return found
    try:
        scores = await reranker.rerank(question, found.hits, on_billed=on_billed)
    except RerankError as error:
        log.warning("search goes on in its fused order: %s", error)
        return replace(found, hits=found.hits[:top_k], rerank_error=str(error))
    by_id = {hit.id: score for hit, score in zip(found.hits, scores, strict=True)}
    # Sorting is stable: what the reranker holds for equal keeps its fused order.
    best = sorted(found.hits, key=lambda hit: -by_id[hit.id])[:top_k]
    return replace(found, hits=best, rerank_scores=by_id)


async def _ask(
    store: VectorStoreAdapter,
    embedded: Embedded,
    terms: asyncio.Task[list[str]],
    *,
    filters: Mapping[str, Any],
    top_k: int,
) -> list[Hit]:
    return await store.query(embedded.vectors[0], top_k, filters, await terms)


def _ignore(_: int) -> None:
    pass


class ScopedRetriever(BaseRetriever):
    """A LangChain retriever for one caller, whose filters are fixed when it is made and not by any chain input.

    Documents carry the chunk's text, id and metadata: doc_id, version, ordinal, title, page_from, page_to,
    char_start, char_end, headings, and score, cosine, lexical. Asynchronous alone, as the stores are.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    embeddings: MeteredEmbeddings
    store: Any  # a VectorStoreAdapter; pydantic cannot check a Protocol with properties
    filters: Mapping[str, Any]
    top_k: int = 5
    on_tokens: Callable[[int], None] | None = None

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002  # LangChain's signature
    ) -> list[Document]:
        found = await search(
            query,
            embeddings=self.embeddings,
            store=self.store,
            filters=self.filters,
            top_k=self.top_k,
            on_tokens=self.on_tokens,
        )
        return [document_of(hit) for hit in found.hits]

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        raise NotImplementedError("the vector stores are asynchronous: use ainvoke")


def document_of(hit: Hit) -> Document:
    """Scopes stay behind: they are ids of other users and classes, and a prompt or a trace has no use for them."""
    kept = {name: value for name, value in hit.metadata.items() if name not in ("text", "scopes")}
    scores = {"score": hit.score, "cosine": hit.cosine, "lexical": hit.lexical}
    return Document(page_content=hit.metadata["text"], id=hit.id, metadata={**kept, "chunk_id": hit.id, **scores})

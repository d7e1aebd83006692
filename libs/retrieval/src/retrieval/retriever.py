"""Retrieval for one caller: a question in, the best chunks of the caller's scopes out."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from retrieval.embeddings import Embedded, MeteredEmbeddings
from retrieval.errors import EmbeddingError, QueryInvalid
from retrieval.filters import parse_search_filters
from retrieval.queries import checked_top_k, terms_of_query
from retrieval.store import Hit, VectorStoreAdapter


@dataclass(frozen=True, slots=True)
class Found:
    """`tokens`: what embedding the question was billed."""

    hits: list[Hit]
    tokens: int


async def search(
    question: str,
    *,
    embeddings: MeteredEmbeddings,
    store: VectorStoreAdapter,
    filters: Mapping[str, Any],
    top_k: int,
    on_tokens: Callable[[int], None] | None = None,
) -> Found:
    """The words are looked up while the provider embeds. Raises RetrievalError.

    `on_tokens` is told what was billed as soon as it is known, so that a search which fails or is cancelled after
    that is booked too; who passes it need not look at Found.tokens or at an error's tokens.
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
    asked = asyncio.create_task(_ask(store, embedded, terms, filters=filters, top_k=top_k))
    on_tokens(embedded.tokens)
    return Found(await asked, embedded.tokens)


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
    char_start, char_end, and score, cosine, lexical. Asynchronous alone, as the stores are.
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

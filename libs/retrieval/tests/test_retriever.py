import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from langchain_core.runnables import RunnableLambda

from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item
from retrieval.embeddings import Embedded, MeteredEmbeddings
from retrieval.errors import EmbeddingUnavailable, FilterInvalid, QueryInvalid, StoreUnavailable
from retrieval.memory import MemoryAdapter
from retrieval.models import EmbeddingModel
from retrieval.retriever import ScopedRetriever, search

MINE = {"scopes": ["user:a"]}


class FixedEmbeddings(MeteredEmbeddings):
    """Every question means the same and costs 7 tokens."""

    async def embed(self, texts: Any, kind: str) -> Embedded:
        assert kind == "query"
        if texts == ["고장"]:
            raise EmbeddingUnavailable("down", tokens=3)
        return Embedded(np.full((len(texts), 8), 8**-0.5, np.float32), 7)


@pytest.fixture
async def embeddings(model: EmbeddingModel) -> AsyncIterator[FixedEmbeddings]:
    async with FixedEmbeddings(model, base_url="http://127.0.0.1:1/v1") as made:
        yield made


@pytest.fixture
async def store(model: EmbeddingModel, item: Callable[..., Item]) -> MemoryAdapter:
    made = MemoryAdapter(model=model, analyser=BigramTerms())
    where = {"page_from": 3, "page_to": 4, "char_start": 5, "char_end": 20, "title": "교재"}
    await made.upsert_embeddings(
        [item("학교 이야기", doc=1, vector=[1.0] * 8, **where), item("바다 이야기", doc=2, vector=[1.0] * 8)]
    )
    await made.upsert_embeddings([item("학교 비밀", doc=3, vector=[1.0] * 8, scopes=["user:b"])])
    return made


async def test_documents_cite_page_and_place(embeddings: FixedEmbeddings, store: MemoryAdapter) -> None:
    told: list[int] = []
    retriever = ScopedRetriever(embeddings=embeddings, store=store, filters=MINE, top_k=1, on_tokens=told.append)
    (document,) = await retriever.ainvoke("학교는?")
    assert document.page_content == "학교 이야기"
    assert document.metadata["chunk_id"] == document.id
    assert document.metadata["score"] == pytest.approx(document.metadata["cosine"] + 0.2 * document.metadata["lexical"])
    place = {
        "doc_id": str(uuid.UUID(int=1)),
        "page_from": 3,
        "page_to": 4,
        "char_start": 5,
        "char_end": 20,
        "title": "교재",
    }
    assert place.items() <= document.metadata.items()
    assert "scopes" not in document.metadata
    assert told == [7]


async def test_it_stands_in_a_chain_and_keeps_its_filters(embeddings: FixedEmbeddings, store: MemoryAdapter) -> None:
    retriever = ScopedRetriever(embeddings=embeddings, store=store, filters=MINE)
    chain = retriever | RunnableLambda(lambda documents: [document.page_content for document in documents])
    assert set(await chain.ainvoke("학교 비밀")) == {"학교 이야기", "바다 이야기"}
    with pytest.raises(Exception, match="frozen"):
        retriever.filters = {"scopes": ["user:b"]}
    with pytest.raises(NotImplementedError, match="ainvoke"):
        retriever.invoke("학교")


async def test_search_gives_hits_and_tokens(embeddings: FixedEmbeddings, store: MemoryAdapter) -> None:
    found = await search("학교 이야기", embeddings=embeddings, store=store, filters=MINE, top_k=2)
    assert [hit.metadata["text"] for hit in found.hits] == ["학교 이야기", "바다 이야기"]
    assert found.tokens == 7


@pytest.mark.parametrize(
    ("question", "filters", "top_k", "error"),
    [(" ", MINE, 5, QueryInvalid), ("학교", {}, 5, FilterInvalid), ("학교", MINE, 0, QueryInvalid)],
)
async def test_what_cannot_be_searched_is_refused_before_it_costs_tokens(
    embeddings: FixedEmbeddings, store: MemoryAdapter, question: str, filters: Any, top_k: int, error: type[Exception]
) -> None:
    told: list[int] = []
    with pytest.raises(error):
        await search(question, embeddings=embeddings, store=store, filters=filters, top_k=top_k, on_tokens=told.append)
    assert told == []


async def test_a_search_that_fails_later_is_booked(
    embeddings: FixedEmbeddings, store: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: Any) -> Any:
        raise StoreUnavailable("down")

    told: list[int] = []
    with pytest.raises(EmbeddingUnavailable):
        await search("고장", embeddings=embeddings, store=store, filters=MINE, top_k=5, on_tokens=told.append)
    monkeypatch.setattr(store, "query", down)
    with pytest.raises(StoreUnavailable):
        await search("학교", embeddings=embeddings, store=store, filters=MINE, top_k=5, on_tokens=told.append)
    assert told == [3, 7]

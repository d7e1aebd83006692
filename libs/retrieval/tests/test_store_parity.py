"""Whatever the backend, the same question finds the same chunks: 240 filtered searches over one set of data."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item
from retrieval.dual import DualWriteAdapter
from retrieval.memory import MemoryAdapter
from retrieval.models import EmbeddingModel
from retrieval.pgvector import PgVectorAdapter
from retrieval.qdrant import QdrantAdapter
from retrieval.store import Hit, VectorStoreAdapter

_CHUNKS, _QUERIES, _TOP_K = 1_200, 240, 10
_SAME = 1e-5


async def test_the_same_ten_chunks_in_every_store(
    model: EmbeddingModel,
    pgvector: Callable[..., PgVectorAdapter],
    qdrant: Callable[..., QdrantAdapter],
    item: Callable[..., Item],
) -> None:
    async def lag(doc_id: str, error: Exception) -> None:
        raise AssertionError(doc_id) from error

    rng = np.random.default_rng(31)
    reference = MemoryAdapter(model=model, analyser=BigramTerms())
    postgres, other = pgvector(), qdrant()
    stores = {"pgvector": postgres, "qdrant": other, "dual": DualWriteAdapter(other, reference, on_lag=lag)}
    async with postgres, other:
        await postgres.ensure_index()
        items = _items(rng, item)
        await postgres.upsert_embeddings(items)
        await stores["dual"].upsert_embeddings(items)
        for _ in range(_QUERIES):
            await _agree(stores, reference, rng)


def _items(rng: np.random.Generator, item: Callable[..., Item]) -> list[Item]:
    """Some chunks are twins of each other but for their ids, so that ties are there to be broken."""
    words = [f"낱말{n:02}" for n in range(50)]
    made = []
    for n in range(_CHUNKS):
        vector = rng.normal(size=8) if n % 9 else np.ones(8)
        metadata = {"title": f"제목 {n % 7}", "page_from": n % 40 or None, "page_to": n % 40 or None}
        scopes = ["all", f"user:{n % 10}", *([f"class:{n % 100}"] if n % 3 else [])]
        text = " ".join(rng.choice(words, size=rng.integers(2, 12))) if n % 9 else "같은 낱말01"
        made.append(item(text, doc=n // 40 + 1, ordinal=n % 40, vector=vector, scopes=scopes, **metadata))
    return made


def _filters(rng: np.random.Generator) -> dict[str, Any]:
    """A scope that keeps all, 10 or 1 %, and mostly another condition."""
    scopes = [["all"], [f"user:{rng.integers(10)}"], [f"class:{rng.integers(100)}", f"user:{rng.integers(10)}"]]
    others: list[dict[str, Any]] = [
        {},
        {"title": f"제목 {rng.integers(7)}"},
        {"title": {"not": [f"제목 {rng.integers(7)}", f"제목 {rng.integers(7)}"]}},
        {"page_from": {"gte": int(rng.integers(40))}},
        {"page_from": None},
        {"page_from": {"not": None}, "page_to": {"lt": 20}},
        {"doc_id": [str(uuid.UUID(int=int(each))) for each in rng.integers(1, 30, size=4)]},
    ]
    return {"scopes": scopes[rng.integers(3)], **others[rng.integers(len(others))]}


async def _agree(
    stores: dict[str, VectorStoreAdapter], reference: VectorStoreAdapter, rng: np.random.Generator
) -> None:
    vector, filters = rng.normal(size=8), _filters(rng)
    text = " ".join(f"낱말{n:02}" for n in rng.integers(60, size=3)) if rng.random() < 0.8 else None
    asked = [store.query(vector, _TOP_K, filters, text, exact=True) for store in stores.values()]
    found = dict(zip(stores, await asyncio.gather(*asked), strict=True))
    expected = await reference.query(vector, _TOP_K + 20, filters, text)
    for name, hits in found.items():
        assert len(hits) == min(_TOP_K, len(expected)), (name, filters)
        assert _same(hits, expected), (name, filters, text)


def _same(hits: Sequence[Hit], expected: Sequence[Hit]) -> bool:
    """The same ids; where scores are equal to 1e-5, in any order and of any of the equals at the end."""
    scores = {hit.id: hit.score for hit in expected}
    return all(
        hit.id in scores and abs(scores[hit.id] - best.score) <= _SAME and abs(hit.score - best.score) <= _SAME
        for hit, best in zip(hits, expected, strict=False)
    ) and len({hit.id for hit in hits}) == len(hits)

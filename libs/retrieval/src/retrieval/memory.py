"""A store in memory: exact, unsaved, for tests and small tools. The meaning of every store in the fewest lines."""

import asyncio
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from retrieval.checksums import Checksum, checksum
from retrieval.chunks import Chunk, Item, Vector, parse_id, parse_items, parse_scopes, unit_vector
from retrieval.errors import ItemInvalid
from retrieval.filters import matches, parse_filters, parse_search_filters
from retrieval.lexical import query_ids, query_weights
from retrieval.models import EmbeddingModel
from retrieval.queries import checked_top_k, terms_of_query
from retrieval.store import Hit, candidates
from retrieval.terms import TermAnalyser


class MemoryAdapter:
    """Vectors are kept in 16 bits, as pgvector's halfvec keeps them, so that both rank alike."""

    def __init__(self, *, model: EmbeddingModel, analyser: TermAnalyser) -> None:
        self._model = model
        self._analyser = analyser
        self._chunks: dict[uuid.UUID, Chunk] = {}

    @property
    def model(self) -> EmbeddingModel:
        return self._model

    @property
    def analyser(self) -> TermAnalyser:
        return self._analyser

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def ping(self) -> None:
        pass

    async def ensure_index(self) -> None:
        pass

    async def upsert_embeddings(self, items: Sequence[Item]) -> int:
        chunks = await asyncio.to_thread(parse_items, items, model=self.model, analyser=self.analyser)
        held = {chunk.doc_id: chunk.version for chunk in self._chunks.values()}
        fresh = {chunk.id: chunk for chunk in chunks if held.get(chunk.doc_id, 0) <= chunk.version}
        documents = {chunk.doc_id for chunk in fresh.values()}
        kept = {key: chunk for key, chunk in self._chunks.items() if chunk.doc_id not in documents}
        if taken := kept.keys() & fresh.keys():
            raise ItemInvalid(f"the id {min(taken)} belongs to another document")
        self._chunks = kept | fresh
        return len(fresh)

    async def query(
        self, vector: Vector, top_k: int, filters: Mapping[str, Any] | None = None, text: str | list[str] | None = None
    ) -> list[Hit]:
        conditions = parse_search_filters(filters)
        wanted = unit_vector(vector, dimension=self.model.dimension).astype(np.float16).astype(np.float64)
        limit = checked_top_k(top_k)
        terms = await terms_of_query(text, analyser=self.analyser)
        scope = [chunk for chunk in self._chunks.values() if matches(conditions, chunk.payload)]
        weights = _weights(query_ids(terms), scope)
        hits = [self._hit(chunk, wanted=wanted, weights=weights) for chunk in scope]
        near = _places(hits, by=lambda hit: hit.cosine, number=candidates(limit))
        said = _places([hit for hit in hits if hit.lexical > 0], by=lambda hit: hit.lexical, number=candidates(limit))
        best = sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]
        return [replace(hit, dense_rank=near.get(hit.id), lexical_rank=said.get(hit.id)) for hit in best]

    async def update_scopes(self, doc_id: str, scopes: Collection[str], *, version: int) -> int:
        key = parse_id(doc_id, name="doc_id")
        labels, number = parse_scopes(key, scopes, version)
        own = [chunk for chunk in self._chunks.values() if chunk.doc_id == key]
        if any(chunk.version > number for chunk in own):
            return 0
        changed = {"scopes": labels, "version": number}
        self._chunks |= {chunk.id: replace(chunk, payload=chunk.payload | changed) for chunk in own}
        return len(own)

    async def delete_by_doc_id(self, doc_id: str) -> int:
        key = parse_id(doc_id, name="doc_id")
        before = len(self._chunks)
        self._chunks = {each: chunk for each, chunk in self._chunks.items() if chunk.doc_id != key}
        return before - len(self._chunks)

    async def scroll(self, after: str | None = None, limit: int = 1_000) -> list[Item]:
        start = parse_id(after, name="after") if after is not None else None
        keys = sorted(key for key in self._chunks if start is None or key > start)
        return [_item(self._chunks[key]) for key in keys[:limit]]

    async def count(self, filters: Mapping[str, Any] | None = None) -> int:
        conditions = parse_filters(filters)
        return sum(matches(conditions, chunk.payload) for chunk in self._chunks.values())

    async def checksum(self, doc_id: str) -> Checksum:
        key = parse_id(doc_id, name="doc_id")
        return checksum(
            key,
            [
                (each.id, _stored(each), each.payload | {"text": each.text})
                for each in self._chunks.values()
                if each.doc_id == key
            ],
        )

    def _hit(self, chunk: Chunk, *, wanted: np.ndarray[Any, Any], weights: Mapping[int, float]) -> Hit:
        stored = _stored(chunk).astype(np.float64)
        cosine = float(stored @ wanted / (np.linalg.norm(stored) * np.linalg.norm(wanted)))
        lexical = sum(weight * chunk.weights.get(term, 0.0) for term, weight in weights.items())
        return Hit(
            id=str(chunk.id),
            doc_id=str(chunk.doc_id),
            score=cosine + self.model.lexical_weight * lexical,
            cosine=cosine,
            lexical=lexical,
            metadata=chunk.payload | {"text": chunk.text},
        )


def _places(hits: Sequence[Hit], *, by: Callable[[Hit], float], number: int) -> dict[str, int]:
    ordered = sorted(hits, key=lambda hit: (-by(hit), hit.id))[:number]
    return {hit.id: place for place, hit in enumerate(ordered, start=1)}


def _weights(ids: Sequence[int], scope: Sequence[Chunk]) -> dict[int, float]:
    containing = [sum(term in chunk.weights for chunk in scope) for term in ids]
    return query_weights(ids, containing=containing, total=len(scope))


def _stored(chunk: Chunk) -> np.ndarray[Any, np.dtype[np.float32]]:
    return chunk.vector.astype(np.float16).astype(np.float32)


def _item(chunk: Chunk) -> Item:
    return str(chunk.id), _stored(chunk), chunk.payload | {"text": chunk.text}

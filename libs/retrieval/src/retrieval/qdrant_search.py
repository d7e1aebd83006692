"""Filtered hybrid search in Qdrant.

The chunks that the filters let through are counted, and among them those with each of the question's words (idf lives
inside the caller's scope). Then both arms, vectors and words, bring candidates in one request; what one arm brought
and the other did not is scored by a second; the best are read by a third.

An exact search is sure of its result when no chunk that neither arm brought can be better: such a chunk has at most
the last cosine that was brought, and the last lexical score. Else it asks for more candidates.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

from retrieval.errors import StoreUnavailable
from retrieval.lexical import query_weights
from retrieval.qdrant_connection import Client
from retrieval.qdrant_filters import equals, within
from retrieval.qdrant_index import DENSE, GENERATION, TERMS, WORDS, Index
from retrieval.qdrant_points import IS_LIVE, METADATA, metadata, rounded, sparse
from retrieval.store import Hit, candidates

HNSW_EF = 128

# Two 32-bit sums of the same numbers in another order differ by less.
_EPSILON = 1e-6
_MORE = 4
# A document may be replaced while it is searched; so often in a row it is not.
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Search:
    vector: NDArray[np.float32]
    terms: Sequence[int]
    where: models.Filter
    top_k: int
    exact_below: int | None  # None: always exact


@dataclass(slots=True)
class Arm:
    """What one side of the search brought: scores by id, in their order, and whether that was all there is."""

    scores: dict[str, float]
    whole: bool

    @property
    def last(self) -> float:
        return min(self.scores.values(), default=0.0)


@dataclass(slots=True)
class _Round:
    """One look at the store."""

    dense: Arm
    lexical: Arm
    documents: dict[str, tuple[str, int]] = field(default_factory=dict)

    def superseded(self) -> dict[str, int]:
        """The documents of which two generations were seen, and the later of them."""
        seen: dict[str, set[int]] = {}
        for doc_id, generation in self.documents.values():
            seen.setdefault(doc_id, set()).add(generation)
        return {doc_id: max(generations) for doc_id, generations in seen.items() if len(generations) > 1}


class _Vanished(Exception):
    """A candidate was deleted while it was being scored: its document has a new generation."""


async def search(client: Client, index: Index, wanted: Search) -> list[Hit]:
    where = wanted.where
    for _ in range(_ATTEMPTS):
        total, *containing = await _counts(client, index, wanted.terms, where)
        if not total:
            return []
        weights = query_weights(wanted.terms, containing=containing, total=total)
        exact = wanted.exact_below is None or total <= wanted.exact_below
        try:
            found = await _best(client, index, wanted, where=where, weights=weights, total=total, exact=exact)
        except _Vanished:
            continue
        if isinstance(found, list):
            return found
        where = _without(where, found)
    raise StoreUnavailable("documents are being replaced faster than they can be searched")


async def _counts(client: Client, index: Index, terms: Sequence[int], where: models.Filter) -> list[int]:
    with_term = [_and(where, equals(TERMS, term)) for term in terms]
    counted = await asyncio.gather(*(client.count(index.alias, each, exact=True) for each in (where, *with_term)))
    return [each.count for each in counted]


async def _best(
    client: Client,
    index: Index,
    wanted: Search,
    *,
    where: models.Filter,
    weights: dict[int, float],
    total: int,
    exact: bool,
) -> list[Hit] | dict[str, int]:
    """The hits, or the documents of which an old generation was seen as well."""
    limit = min(candidates(wanted.top_k), total)
    while True:
        look = await _look(client, index, wanted, where=where, weights=weights, limit=limit, exact=exact)
        if superseded := look.superseded():
            return superseded
        cosines, lexicals = await _scores(client, index, wanted.vector, weights, look)
        share = index.model.lexical_weight
        fused = {key: cosine + share * lexicals.get(key, 0.0) for key, cosine in cosines.items()}
        order = sorted(fused, key=lambda key: (-fused[key], key))[: wanted.top_k]
        if not exact or limit >= total or _is_sure(look, fused, order, wanted=wanted, share=share):
            return await _hits(client, index, order, cosines=cosines, lexicals=lexicals, share=share, look=look)
        limit = min(limit * _MORE, total)


def _is_sure(look: _Round, fused: dict[str, float], order: list[str], *, wanted: Search, share: float) -> bool:
    bound = look.dense.last + (0.0 if look.lexical.whole else share * look.lexical.last)
    return len(order) == wanted.top_k and fused[order[-1]] > bound + _EPSILON


async def _look(
    client: Client,
    index: Index,
    wanted: Search,
    *,
    where: models.Filter,
    weights: dict[int, float],
    limit: int,
    exact: bool,
) -> _Round:
    params = models.SearchParams(exact=True) if exact else models.SearchParams(hnsw_ef=max(HNSW_EF, limit))
    asked = {"filter": where, "limit": limit, "with_payload": ["doc_id", GENERATION]}
    requests = [models.QueryRequest(query=rounded(wanted.vector), using=DENSE, params=params, **asked)]
    if weights:
        requests.append(models.QueryRequest(query=sparse(weights), using=WORDS, **asked))
    near, *said = [reply.points for reply in await client.query_batch_points(index.alias, requests)]
    brought = [*near, *(said[0] if said else [])]
    return _Round(
        dense=_arm(near, limit=limit),
        lexical=_arm(said[0] if said else [], limit=limit),
        documents={str(each.id): _document(each.payload) for each in brought},
    )


def _arm(points: Sequence[models.ScoredPoint], *, limit: int) -> Arm:
    """Equal scores by id, as everywhere."""
    ordered = sorted(points, key=lambda each: (-each.score, str(each.id)))
    return Arm({str(each.id): each.score for each in ordered}, whole=len(points) < limit)


def _document(payload: dict[str, Any] | None) -> tuple[str, int]:
    known = payload or {}
    return str(known["doc_id"]), int(known[GENERATION])


async def _scores(
    client: Client, index: Index, vector: NDArray[np.float32], weights: dict[int, float], look: _Round
) -> tuple[dict[str, float], dict[str, float]]:
    """The cosine and the lexical score of all candidates; what one arm knows is not asked again."""
    far = [key for key in look.documents if key not in look.dense.scores]
    # An arm that brought all there is has told the score of the others: 0.
    unsaid = [] if look.lexical.whole else [key for key in look.documents if key not in look.lexical.scores]
    requests = []
    if far:
        requests.append(_of(far, query=rounded(vector), using=DENSE))
    if unsaid and weights:
        requests.append(_of(unsaid, query=sparse(weights), using=WORDS))
    replies = [reply.points for reply in await client.query_batch_points(index.alias, requests)] if requests else []
    cosines = {str(each.id): each.score for each in replies.pop(0)} if far else {}
    if len(cosines) < len(far):
        raise _Vanished
    lexicals = {str(each.id): each.score for each in replies.pop(0)} if replies else {}
    return look.dense.scores | cosines, look.lexical.scores | lexicals


def _of(ids: list[str], *, query: Any, using: str) -> models.QueryRequest:
    return models.QueryRequest(
        query=query,
        using=using,
        filter=models.Filter(must=[models.HasIdCondition(has_id=ids)]),
        params=models.SearchParams(exact=True),
        limit=len(ids),
        with_payload=False,
    )


async def _hits(
    client: Client,
    index: Index,
    order: list[str],
    *,
    cosines: dict[str, float],
    lexicals: dict[str, float],
    share: float,
    look: _Round,
) -> list[Hit]:
    records = {str(each.id): each for each in await client.retrieve(index.alias, order, with_payload=METADATA)}
    if len(records) < len(order):
        raise _Vanished
    near, said = _places(look.dense), _places(look.lexical)
    return [
        Hit(
            id=key,
            doc_id=look.documents[key][0],
            score=cosines[key] + share * lexicals.get(key, 0.0),
            cosine=cosines[key],
            lexical=lexicals.get(key, 0.0),
            metadata=metadata(records[key].payload),
            dense_rank=near.get(key),
            lexical_rank=said.get(key),
        )
        for key in order
    ]


def _places(arm: Arm) -> dict[str, int]:
    return {key: place for place, key in enumerate(arm.scores, start=1)}


def _and(where: models.Filter, condition: models.FieldCondition) -> models.Filter:
    return where.model_copy(update={"must": [*_list(where.must), condition]})


def _without(where: models.Filter, superseded: dict[str, int]) -> models.Filter:
    old: list[Any] = [
        models.Filter(must=[equals("doc_id", doc_id), within(GENERATION, lt=generation)])
        for doc_id, generation in superseded.items()
    ]
    return where.model_copy(update={"must_not": [*_list(where.must_not), *old]})


def _list(conditions: Any) -> list[Any]:
    return [] if conditions is None else list(conditions)


def live(where: models.Filter) -> models.Filter:
    """What a search and a count may see of what the filter lets through."""
    return _and(where, IS_LIVE)

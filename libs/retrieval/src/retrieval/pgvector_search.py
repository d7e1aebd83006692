"""Filtered hybrid search in two round trips.

The first counts the chunks that the filters let through, and among them those with each of the question's words
(idf lives inside the caller's scope). Up to `exact_below` chunks the second scores all of them. Above, it takes
the candidates of two arms, HNSW for meaning and GIN for words, and scores their union.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector, SparseVector
from psycopg import sql

from retrieval.lexical import TERM_IDS, query_weights
from retrieval.pgvector_database import Connection
from retrieval.pgvector_filters import Where
from retrieval.pgvector_index import Index
from retrieval.store import candidates

# Set for one transaction each, so a connection may be shared through PgBouncer.
# A generic plan takes a 1 % tenant from 0.6 ms and recall 1.0 to 23 ms and .76; without iterative scan it gets
# 0 of 10 rows. Sequential scans are off because the planner prefers them under a LIMIT.
SEARCH_SETTINGS: Mapping[str, str] = {
    "plan_cache_mode": "force_custom_plan",
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
    "enable_seqscan": "off",
    "jit": "off",
    "statement_timeout": "15s",
}

# In a large scope the words arm looks chunks up by the rarest words that together are in this share of the scope.
_WORDS_SHARE = 0.08
_MAX_WORD_ROWS = 20_000
# So many chunks of a scope are enough to tell its common words from its rare ones.
_COUNTED = 5_000


@dataclass(frozen=True, slots=True)
class Search:
    vector: NDArray[np.float32]
    terms: Sequence[int]
    where: Where
    top_k: int
    exact_below: int | None  # None: always exact

    @property
    def candidates(self) -> int:
        # Without words the order is HNSW's own, and each further row of a rare scope has it look at ten more.
        return candidates(self.top_k) if self.terms else 2 * self.top_k


class Found(NamedTuple):
    id: uuid.UUID
    cosine: float
    lexical: float
    dense_rank: int | None
    lexical_rank: int | None
    payload: dict[str, Any]
    text: str


class Scope(NamedTuple):
    """`chunks` and `containing` (per term) are counted up to a bound; beyond it they are those of a sample."""

    chunks: int
    containing: Sequence[int]


async def search(connection: Connection, index: Index, wanted: Search, *, settings: Mapping[str, str]) -> list[Found]:
    async with connection.pipeline(), connection.transaction():
        await connection.execute(*_settings(settings))
        below = wanted.exact_below
        scope = await _count(connection, index, wanted, limit=None if below is None else max(below, _COUNTED) + 1)
        if below is not None and scope.chunks > below:
            found, near = await _run(connection, index, wanted, scope, approximate=True)
            if near >= wanted.candidates:
                return found
        # A scope that is rare in a large table exhausts HNSW's scan before it fills its candidates.
        found, _ = await _run(connection, index, wanted, scope, approximate=False)
    return found


def _settings(settings: Mapping[str, str]) -> tuple[sql.Composed, list[str]]:
    calls = sql.SQL(", ").join([sql.SQL("set_config(%s, %s, true)")] * len(settings))
    return sql.SQL("SELECT {}").format(calls), [part for pair in settings.items() for part in pair]


async def _count(connection: Connection, index: Index, wanted: Search, *, limit: int | None) -> Scope:
    """One look at the weights tells whether a chunk has any of the words; most have none."""
    terms = {f"t{n}": _sparse({term: 1.0}) for n, term in enumerate(wanted.terms)}
    with_term = sql.SQL("count(*) FILTER (WHERE hit AND weights <#> {} < 0)")
    statement = sql.SQL(_COUNT).format(
        counts=sql.SQL(", ").join([sql.SQL("count(*)"), *(with_term.format(sql.Placeholder(t)) for t in terms)]),
        hit=sql.SQL("weights <#> %(all)s < 0" if terms else "false"),
        table=index.table,
        where=wanted.where.sql,
    )
    every = {"all": _sparse(dict.fromkeys(wanted.terms, 1.0))} if terms else {}
    cursor = await connection.cursor(binary=True).execute(
        statement, {**terms, **every, **wanted.where.parameters, "limit": limit}
    )
    chunks, *containing = await cursor.fetchone() or (0,)
    return Scope(chunks, containing)


async def _run(
    connection: Connection, index: Index, wanted: Search, scope: Scope, *, approximate: bool
) -> tuple[list[Found], int]:
    """The chunks found, best first, and the number of candidates that HNSW brought."""
    weights = query_weights(wanted.terms, containing=scope.containing, total=scope.chunks)
    parameters = {
        **wanted.where.parameters,
        "vector": HalfVector(wanted.vector),
        "weights": _sparse(weights),
        "lexical_weight": index.model.lexical_weight,
        "words": _rare(wanted.terms, scope),
        "rows": _MAX_WORD_ROWS,
        "candidates": wanted.candidates,
        "top_k": wanted.top_k,
    }
    scored = sql.SQL(_APPROXIMATE if approximate else _EXACT).format(
        table=index.table, where=wanted.where.sql, scores=sql.SQL(_SCORES if weights else _COSINE_ONLY)
    )
    near = sql.SQL("(SELECT count(*) FROM near)" if approximate else "0")
    statement = scored + sql.SQL(_BEST).format(table=index.table, near=near)
    cursor = await connection.cursor(binary=True).execute(statement, parameters)
    rows = await cursor.fetchall()
    return [Found(*row[1:]) for row in rows], rows[0][0] if rows else 0


def _rare(terms: Sequence[int], scope: Scope) -> list[int]:
    """The rarest terms, at least one of them known to be there, whose chunks are a small part of the scope."""
    chosen: list[int] = []
    chunks = 0
    for containing, term in sorted(zip(scope.containing, terms, strict=True)):
        if chunks and chunks + containing > scope.chunks * _WORDS_SHARE:
            break
        chosen.append(term)
        chunks += containing
    return chosen


def _sparse(weights: dict[int, float]) -> SparseVector:
    return SparseVector(weights, TERM_IDS)


_COUNT = "SELECT {counts} FROM (SELECT weights, {hit} AS hit FROM {table} WHERE {where} LIMIT %(limit)s) AS scope"

_SCORES = "1 - (embedding <=> %(vector)s) AS cosine, -(weights <#> %(weights)s) AS lexical"
_COSINE_ONLY = "1 - (embedding <=> %(vector)s) AS cosine, 0::float8 AS lexical"

# MATERIALIZED keeps the planner from mixing the steps: the exact scan must not become an HNSW scan.
_EXACT = """WITH scored AS MATERIALIZED (
    SELECT id, {scores} FROM {table} WHERE {where}
),
near AS MATERIALIZED (
    SELECT id, -cosine AS distance FROM scored ORDER BY cosine DESC, id LIMIT %(candidates)s
),
said AS MATERIALIZED (
    SELECT id, -lexical AS distance FROM scored WHERE lexical > 0 ORDER BY lexical DESC, id LIMIT %(candidates)s
),"""

_APPROXIMATE = """WITH near AS MATERIALIZED (
    SELECT id, embedding <=> %(vector)s AS distance FROM {table}
    WHERE {where} ORDER BY embedding <=> %(vector)s LIMIT %(candidates)s
),
said AS MATERIALIZED (
    SELECT id, distance FROM (
        SELECT id, weights <#> %(weights)s AS distance FROM {table}
        WHERE {where} AND terms && %(words)s::int4[] LIMIT %(rows)s
    ) AS containing
    ORDER BY distance, id LIMIT %(candidates)s
),
scored AS MATERIALIZED (
    SELECT id, {scores} FROM {table} WHERE id IN (SELECT id FROM near UNION SELECT id FROM said)
),"""

_BEST = """
best AS MATERIALIZED (
    SELECT id, cosine, lexical FROM scored
    ORDER BY cosine + %(lexical_weight)s * lexical DESC, id LIMIT %(top_k)s
)
SELECT {near}, id, cosine, lexical, near_place.rank, said_place.rank, payload, text FROM best
LEFT JOIN (SELECT id, row_number() OVER (ORDER BY distance, id) AS rank FROM near) AS near_place USING (id)
LEFT JOIN (SELECT id, row_number() OVER (ORDER BY distance, id) AS rank FROM said) AS said_place USING (id)
JOIN {table} USING (id)
ORDER BY cosine + %(lexical_weight)s * lexical DESC, id"""

"""A chunk as a point, a point as a chunk, and the point that stands for a deletion."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qdrant_client import models

from retrieval.chunks import Chunk
from retrieval.filters import FIELDS
from retrieval.qdrant_connection import Client
from retrieval.qdrant_filters import any_of, equals
from retrieval.qdrant_index import DELETED_AT, DENSE, GENERATION, LIVE, SIZE, TERMS, WORDS, Index

type Row = tuple[uuid.UUID, NDArray[np.float32], dict[str, Any]]

# What a chunk's reader gets; the ids of its words are a hundred numbers that nobody reads back.
METADATA = [*FIELDS, "headings", "text"]
_HELD = ["doc_id", "version", LIVE, GENERATION, DELETED_AT]
_PAGE = 1_000
_TOMBSTONE = uuid.UUID("6a1f0d1c-6a0e-5f0e-9d55-0c1f4f3f7a10")

IS_LIVE = equals(LIVE, 1)


@dataclass(frozen=True, slots=True)
class Held:
    """One point that the store has of a document: a chunk, seen or hidden, or its tombstone."""

    id: str
    doc_id: uuid.UUID
    version: int
    live: bool
    generation: int
    is_tombstone: bool


def point(chunk: Chunk, *, live: bool, generation: int, size: int) -> models.PointStruct:
    """Made without the client's checks of each number: they cost as much as writing the point does."""
    payload = chunk.payload | {
        "text": chunk.text,
        TERMS: list(chunk.weights),
        LIVE: int(live),
        GENERATION: generation,
        SIZE: size,
    }
    vectors: dict[str, Any] = {DENSE: rounded(chunk.vector)}
    if chunk.weights:
        vectors[WORDS] = sparse(chunk.weights)
    return models.PointStruct.model_construct(
        _fields_set={"id", "vector", "payload"}, id=str(chunk.id), vector=vectors, payload=payload
    )


def tombstone(doc_id: uuid.UUID, *, version: int) -> models.PointStruct:
    """Has no vectors and is not live, so no search and no count meets it."""
    payload = {"doc_id": str(doc_id), "version": version, DELETED_AT: int(time.time())}
    return models.PointStruct(id=tombstone_id(doc_id), vector={}, payload=payload)


def tombstone_id(doc_id: uuid.UUID) -> str:
    return str(uuid.uuid5(_TOMBSTONE, str(doc_id)))


def rounded(vector: NDArray[np.float32]) -> list[float]:
    """As pgvector's halfvec has it, so that both rank alike."""
    numbers: list[float] = vector.astype(np.float16).astype(np.float64).tolist()
    return numbers


def sparse(weights: dict[int, float]) -> models.SparseVector:
    return models.SparseVector.model_construct(
        _fields_set={"indices", "values"}, indices=list(weights), values=list(weights.values())
    )


def metadata(payload: dict[str, Any] | None) -> dict[str, Any]:
    """Every field is there, also where Qdrant left a null out, or where it was written before there were headings."""
    known = {"headings": [], **(payload or {})}
    return {name: known.get(name) for name in METADATA}


def row(record: models.Record) -> Row:
    vectors: Any = record.vector
    return uuid.UUID(str(record.id)), np.asarray(vectors[DENSE], dtype=np.float32), metadata(record.payload)


async def read_held(client: Client, index: Index, documents: Sequence[uuid.UUID]) -> list[Held]:
    wanted = models.Filter(must=[any_of("doc_id", [str(each) for each in documents])])
    return [_held(record) for record in await read(client, index, wanted, payload=_HELD, vectors=False)]


async def read(
    client: Client, index: Index, wanted: models.Filter, *, payload: list[str], vectors: bool
) -> list[models.Record]:
    """Every point that the filter lets through, in the order of ids."""
    found: list[models.Record] = []
    offset: Any = None
    while True:
        page, offset = await client.scroll(
            index.alias,
            scroll_filter=wanted,
            limit=_PAGE,
            offset=offset,
            with_payload=payload,
            with_vectors=[DENSE] if vectors else False,
        )
        found += page
        if offset is None:
            return found


async def read_document(client: Client, index: Index, doc_id: uuid.UUID, *, vectors: bool) -> list[models.Record]:
    """What a search may find of a document: of two generations, the later alone."""
    wanted = models.Filter(must=[IS_LIVE, equals("doc_id", str(doc_id))])
    found = await read(client, index, wanted, payload=[*METADATA, GENERATION], vectors=vectors)
    newest = max((_generation(record) for record in found), default=0)
    return [record for record in found if _generation(record) == newest]


def _generation(record: models.Record) -> int:
    return int((record.payload or {}).get(GENERATION, 0))


def _held(record: models.Record) -> Held:
    payload = record.payload or {}
    return Held(
        id=str(record.id),
        doc_id=uuid.UUID(payload["doc_id"]),
        version=int(payload["version"]),
        live=payload.get(LIVE) == 1,
        generation=_generation(record),
        is_tombstone=DELETED_AT in payload,
    )

"""Proof that two stores hold the same of a document, though each rounds and normalises vectors in its own way."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIRECTIONS = 16
# 16-bit storage moves a unit vector's projection by about 2e-5; two exchanged vectors move most of theirs by 1e-2.
_TOLERANCE = 2e-4


@dataclass(frozen=True, slots=True)
class Checksum:
    """`payload` is a SHA-256 over ids, metadata and texts. `vectors` are projections of the document's vectors,
    each weighted by its chunk's id, so that vectors exchanged between chunks are seen as well. The weight differs by
    direction: one weight a chunk would be much the same for some two chunks, and their exchange would go unseen.
    """

    doc_id: str
    chunks: int
    payload: str
    vectors: tuple[float, ...]

    def matches(self, other: "Checksum") -> bool:
        return (self.doc_id, self.chunks, self.payload) == (other.doc_id, other.chunks, other.payload) and bool(
            np.allclose(self.vectors, other.vectors, rtol=0, atol=_TOLERANCE * max(self.chunks, 1) ** 0.5)
        )


def checksum(doc_id: uuid.UUID, rows: Sequence[tuple[uuid.UUID, NDArray[Any], Mapping[str, Any]]]) -> Checksum:
    """`rows`: (chunk id, vector of any length, metadata with text), in any order."""
    ordered = sorted(rows, key=lambda row: row[0])
    digest = hashlib.sha256()
    for key, _, metadata in ordered:
        digest.update(json.dumps([str(key), metadata], sort_keys=True, ensure_ascii=False).encode())
    return Checksum(str(doc_id), len(ordered), digest.hexdigest(), _projections(ordered))


def _projections(rows: Sequence[tuple[uuid.UUID, NDArray[Any], Mapping[str, Any]]]) -> tuple[float, ...]:
    if not rows:
        return (0.0,) * _DIRECTIONS
    matrix = np.array([vector for _, vector, _ in rows], dtype=np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    weights = np.array([_weights(key) for key, _, _ in rows])
    directions = np.random.default_rng(384).standard_normal((matrix.shape[1], _DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    return tuple(float(value) for value in (weights * (matrix @ directions)).sum(axis=0))


def _weights(key: uuid.UUID) -> NDArray[Any]:
    """0.5..1.5 for each direction."""
    return 0.5 + np.frombuffer(hashlib.sha256(key.bytes).digest(), dtype="<u2") / 65_536

"""100,000 chunks and their questions, made from a seed: clustered, as texts of a few hundred subjects are."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.chunks import Item
from retrieval.models import EmbeddingModel

DIMENSION = 384
CHUNKS_A_DOCUMENT = 50
# A chunk's labels: everybody's, and one of each of these numbers, so a label keeps 10, 1 and 0.1 % of the chunks.
SHARES = {"100 %": 1, "10 %": 10, "1 %": 100, "0.1 %": 1_000}
_CLUSTERS = 400
_SPREAD = 0.85
_WORDS = 20_000
_WORDS_A_CHUNK = 60

MODEL = EmbeddingModel(name="bench-384", dimension=DIMENSION, lexical_weight=0.2, max_tokens=512, average_terms=60)


@dataclass(frozen=True)
class Data:
    vectors: NDArray[np.float32]
    centres: NDArray[np.float32]
    words: NDArray[np.int64]

    @classmethod
    def make(cls, chunks: int, *, seed: int = 384) -> "Data":
        rng = np.random.default_rng(seed)
        centres = _unit(rng.standard_normal((_CLUSTERS, DIMENSION), dtype=np.float32))
        vectors = _around(centres, rng, chunks)
        words = np.minimum(rng.zipf(1.3, size=(chunks, _WORDS_A_CHUNK)), _WORDS)
        return cls(vectors, centres, words)

    def __len__(self) -> int:
        return len(self.vectors)

    def questions(self, number: int, *, seed: int) -> list[tuple[NDArray[np.float32], list[str]]]:
        """Vectors near the chunks' own subjects, and four words each, of which some are rare."""
        rng = np.random.default_rng(seed)
        vectors = _around(self.centres, rng, number)
        return [(vector, [f"w{word}" for word in rng.integers(5, 2_000, size=4)]) for vector in vectors]

    def items(self, start: int, end: int, *, version: int = 1, first_document: int = 1) -> list[Item]:
        return [self._item(n, version=version, first_document=first_document) for n in range(start, end)]

    def batches(self, start: int, end: int, size: int) -> Iterator[list[Item]]:
        for at in range(start, end, size):
            yield self.items(at, min(at + size, end))

    def nearest(self, vector: NDArray[np.float32], *, share: int, label: int, number: int) -> set[str]:
        """By a look at every vector, in the 16 bits that the stores keep."""
        own = np.flatnonzero(np.arange(len(self)) // CHUNKS_A_DOCUMENT % share == label)
        stored = self.vectors[own].astype(np.float16).astype(np.float32)
        cosines = stored @ vector / np.linalg.norm(stored, axis=1)
        return {chunk_id(int(own[n])) for n in np.argsort(-cosines)[:number]}

    def _item(self, n: int, *, version: int, first_document: int) -> Item:
        document = n // CHUNKS_A_DOCUMENT
        terms = [f"w{word}" for word in self.words[n]]
        return (
            chunk_id(n, first_document=first_document),
            self.vectors[n],
            {
                "doc_id": str(uuid.UUID(int=first_document + document)),
                "version": version,
                "ordinal": n % CHUNKS_A_DOCUMENT,
                "scopes": [scope(share, document % share) for share in SHARES.values()],
                "title": f"문서 {document}",
                "text": " ".join(terms),
                "terms": terms,
            },
        )


def scope(share: int, label: int) -> str:
    return f"class:{share}-{label}"


def chunk_id(n: int, *, first_document: int = 1) -> str:
    return str(uuid.uuid5(uuid.UUID(int=first_document), str(n)))


def _around(centres: NDArray[np.float32], rng: np.random.Generator, number: int) -> NDArray[np.float32]:
    noise = _unit(rng.standard_normal((number, DIMENSION), dtype=np.float32))
    return _unit(centres[rng.integers(0, len(centres), size=number)] + _SPREAD * noise)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)

"""The store of embeddings, whatever the backend. One test suite runs over all implementations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from retrieval.checksums import Checksum
from retrieval.chunks import Item, Vector
from retrieval.models import EmbeddingModel
from retrieval.terms import TermAnalyser

MAX_TOP_K = 1_000

_CANDIDATES_PER_HIT = 4
_MIN_CANDIDATES = 64


@dataclass(frozen=True, slots=True)
class Hit:
    """`score` = `cosine` + the model's lexical weight × `lexical`; higher is better, in every backend.

    cosine: -1..1. lexical: 0..1, the part of the question's words (weighted by rarity) that the chunk has; 0 when
    the search had no text. metadata: every field of the chunk, its `headings` and its `text`. dense_rank,
    lexical_rank: the chunk's place, from 1, among the candidates that each side of the search brought (see
    `candidates`); None when that side did not bring it.
    """

    id: str
    doc_id: str
    score: float
    cosine: float
    lexical: float
    metadata: dict[str, Any]
    dense_rank: int | None = None
    lexical_rank: int | None = None


def candidates(top_k: int) -> int:
    """How many chunks each side of a search, meaning and words, brings for so many wanted hits."""
    return max(top_k * _CANDIDATES_PER_HIT, _MIN_CANDIDATES)


class VectorStoreAdapter(Protocol):
    """All methods are async and may raise StoreUnavailable (try again) or StoreError (do not).

    The store is not the source of truth: whoever writes asks the source again afterwards, and deletes what he wrote
    of a document that is gone there. A tombstone, left by a deletion with a version, keeps later writers of old
    versions off as well, for as long as it stands.
    """

    @property
    def model(self) -> EmbeddingModel: ...

    @property
    def analyser(self) -> TermAnalyser: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Raises StoreUnavailable."""

    async def ensure_index(self) -> None:
        """Makes the index unless it is there. Needs the writer's rights. Raises IndexMismatch."""

    async def drop_index(self) -> None:
        """Removes the index with all that it holds, tombstones as well; nothing happens when there is none."""

    async def upsert_embeddings(self, items: Sequence[Item]) -> int:
        """Makes the documents of `items` consist of exactly these items: chunks that are not among them go. All
        or nothing, and never half visible to a search: it sees the old chunks or the new ones. Repeating a call
        changes nothing, and ends one that was cut off.

        Returns the number of chunks written. A document that the store has in a newer version, or whose tombstone
        is of this version or a newer one, is left alone and not counted, so a late retry cannot bring an old version
        back. Raises ItemInvalid.
        """

    async def query(
        self,
        vector: Vector,
        top_k: int,
        filters: Mapping[str, Any] | None = None,
        text: str | list[str] | None = None,
        *,
        exact: bool = False,
    ) -> list[Hit]:
        """The `top_k` best chunks that the filters let through, best first; fewer only when there are fewer.

        `filters` (see retrieval.filters) must name the caller's scopes. `text` is the question, or its terms when
        the caller has them; without it the order is by cosine alone. Equal scores are ordered by id. `exact` gives
        what a scan of the whole scope gives, at its cost, for whoever checks a store. Raises FilterInvalid,
        QueryInvalid.
        """

    async def update_scopes(self, doc_id: str, scopes: Collection[str], *, version: int) -> int:
        """Lets the holders of `scopes`, and nobody else, find the document from now on: all its chunks at once.

        `version` is the document's from now on. A document that the store has in a newer version is left alone, so
        of two changes the later one stays, in whatever order they come. Repeating a call changes nothing.

        Returns the number of chunks that are so now; 0 when there are none, or newer ones. Raises ItemInvalid.
        """

    async def delete_by_doc_id(self, doc_id: str, *, version: int | None = None) -> int:
        """Returns the number of chunks deleted; 0 when there were none.

        With a `version` the document is left alone if the store has a newer one; else a tombstone stays, so that an
        upsert of that version or an older one, however late it comes, changes nothing. A newer one ends it.
        """

    async def purge_tombstones(self, *, older_than_seconds: float) -> int:
        """Forgets deletions of so long ago. Returns the number of tombstones removed."""

    async def tombstone(self, doc_id: str) -> int | None:
        """The version of the document's tombstone."""

    async def ids(self, doc_id: str) -> dict[str, int]:
        """The document's chunks that a search may find: id → version."""

    async def scroll(self, after: str | None = None, limit: int = 1_000) -> list[Item]:
        """Up to `limit` items in the order of their ids, those after the id `after`."""

    async def count(self, filters: Mapping[str, Any] | None = None) -> int: ...

    async def checksum(self, doc_id: str) -> Checksum:
        """What the store holds of a document, in a form that two stores can compare."""

"""What a store holds, checked and completed in one place, so that every store holds exactly the same."""

import math
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ItemInvalid, QueryInvalid
from retrieval.filters import FIELDS, Kind
from retrieval.lexical import chunk_weights
from retrieval.models import EmbeddingModel
from retrieval.terms import TermAnalyser
from retrieval.text import storable

type Vector = Sequence[float] | NDArray[np.floating[Any]]

# (chunk id, embedding, metadata). Metadata: `doc_id`, `scopes` and `text` are required; `version` is 1, `ordinal`
# the place among the document's items, `title` "", `headings` (under which the text stands, the outermost first) []
# and pages and offsets None when absent. `terms` (of the store's own analyser) saves the store the analysis and is not
# kept. No search filters by text or headings.
type Item = tuple[str, Vector, Mapping[str, Any]]

MAX_TEXT = 100_000
MAX_SCOPES = 1_000
MAX_HEADINGS = 20
_MAX_LABEL = 1_000
_DEFAULTS: Mapping[str, Any] = {"version": 1, "title": ""}
_UNFILTERED = ("text", "headings", "terms")
_OPTIONAL = ("page_from", "page_to", "char_start", "char_end")


@dataclass(frozen=True, slots=True)
class Chunk:
    """`vector`: float32 of length 1. `payload`: every key of FIELDS, and `headings`. `weights`: BM25's by term id."""

    id: uuid.UUID
    doc_id: uuid.UUID
    vector: NDArray[np.float32]
    payload: dict[str, Any]
    text: str
    weights: dict[int, float]

    @property
    def version(self) -> int:
        return int(self.payload["version"])


def parse_items(items: Sequence[Item], *, model: EmbeddingModel, analyser: TermAnalyser) -> list[Chunk]:
    """Raises ItemInvalid for the first item that no store may hold. Analyses texts that come without terms, for
    about 10 ms per 1,000 characters: call it off the event loop.
    """
    texts = [_text(item) for item in items]
    terms = _terms(items, texts, analyser=analyser)
    places: Counter[uuid.UUID] = Counter()
    chunks = [
        _chunk(item, text=text, terms=own, model=model, places=places)
        for item, text, own in zip(items, texts, terms, strict=True)
    ]
    _refuse_contradictions(chunks)
    return chunks


def unit_vector(vector: Vector, *, dimension: int) -> NDArray[np.float32]:
    """float32 [dimension] of length 1. Raises QueryInvalid: a zero or NaN vector has no cosine with anything."""
    try:
        raw = np.asarray(vector, dtype=np.float64)
    except (TypeError, ValueError):
        raise QueryInvalid("a vector is a list of numbers") from None
    if raw.shape != (dimension,):
        raise QueryInvalid(f"the vector has shape {raw.shape}, the index has dimension {dimension}")
    norm = math.sqrt(float(raw @ raw))
    if not np.isfinite(norm) or norm == 0:
        raise QueryInvalid("the vector is zero or not finite")
    return (raw / norm).astype(np.float32)


def parse_id(value: Any, *, name: str) -> uuid.UUID:
    try:
        return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise ItemInvalid(f"{name} must be a UUID, not {value!r}") from None


def parse_scopes(doc_id: uuid.UUID, scopes: Any, version: Any) -> tuple[list[str], int]:
    """What a change of a document's scopes says, in the form that chunks have it. Raises ItemInvalid."""
    return _scopes(str(doc_id), scopes), parse_version(doc_id, version)


def parse_version(doc_id: uuid.UUID, version: Any) -> int:
    """Raises ItemInvalid."""
    return _number(str(doc_id), "version", version) or 0


def _text(item: Item) -> str:
    text = item[2].get("text")
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_TEXT:
        raise ItemInvalid(f"item {item[0]!r}: text must be 1 to {MAX_TEXT} characters and not blank")
    return storable(text)


def _terms(items: Sequence[Item], texts: Sequence[str], *, analyser: TermAnalyser) -> list[list[str]]:
    given = [item[2].get("terms") for item in items]
    analysed = iter(analyser.terms_many([text for text, own in zip(texts, given, strict=True) if own is None]))
    return [next(analysed) if own is None else own for own in given]


def _chunk(item: Item, *, text: str, terms: list[str], model: EmbeddingModel, places: Counter[uuid.UUID]) -> Chunk:
    key, vector, metadata = item
    if unknown := metadata.keys() - {*FIELDS, *_UNFILTERED}:
        raise ItemInvalid(
            f"item {key!r}: unknown metadata {sorted(unknown)}; known: {', '.join([*FIELDS, *_UNFILTERED])}"
        )
    doc_id = parse_id(metadata.get("doc_id"), name=f"item {key!r}: doc_id")
    payload = {name: _field(key, name, metadata, place=places[doc_id]) for name in FIELDS}
    payload |= {"doc_id": str(doc_id), "headings": _headings(key, metadata.get("headings", []))}
    places[doc_id] += 1
    try:
        unit = unit_vector(vector, dimension=model.dimension)
    except QueryInvalid as error:
        raise ItemInvalid(f"item {key!r}: {error}") from None
    return Chunk(
        id=parse_id(key, name="an item's id"),
        doc_id=doc_id,
        vector=unit,
        payload=payload,
        text=text,
        weights=chunk_weights(terms, average_terms=model.average_terms),
    )


def _field(key: str, name: str, metadata: Mapping[str, Any], *, place: int) -> Any:
    value = metadata.get(name, place if name == "ordinal" else _DEFAULTS.get(name))
    if FIELDS[name] is Kind.TEXTS:
        return _scopes(key, value)
    if FIELDS[name] is Kind.NUMBER:
        return _number(key, name, value)
    if FIELDS[name] is Kind.TEXT:
        return _label(key, name, value)
    return value


def _number(key: str, name: str, value: Any) -> int | None:
    if value is None and name in _OPTIONAL:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
        return int(value)
    raise ItemInvalid(f"item {key!r}: {name} must be an integer from 0, not {value!r}")


def _label(key: str, name: str, value: Any) -> str:
    if isinstance(value, str) and len(value) <= _MAX_LABEL:
        return storable(value)
    raise ItemInvalid(f"item {key!r}: {name} must be a text of at most {_MAX_LABEL} characters")


def _scopes(key: str, value: Any) -> list[str]:
    if isinstance(value, list | tuple | set | frozenset) and 0 < len(value) <= MAX_SCOPES:
        return sorted({_label(key, "a scope", each) for each in value})
    raise ItemInvalid(f"item {key!r}: scopes must be a list of 1 to {MAX_SCOPES} texts, or nobody could find it")


def _headings(key: str, value: Any) -> list[str]:
    if isinstance(value, list | tuple) and len(value) <= MAX_HEADINGS:
        return [_label(key, "a heading", each) for each in value]
    raise ItemInvalid(f"item {key!r}: headings must be a list of at most {MAX_HEADINGS} texts")


def _refuse_contradictions(chunks: Sequence[Chunk]) -> None:
    if len({chunk.id for chunk in chunks}) < len(chunks):
        raise ItemInvalid("two items have the same id")
    versions: dict[uuid.UUID, int] = {}
    for chunk in chunks:
        if versions.setdefault(chunk.doc_id, chunk.version) != chunk.version:
            raise ItemInvalid(f"document {chunk.doc_id} comes in two versions at once")

"""A provider's reply, trusted only after it is checked: a wrong vector in an index is found by nobody."""

import base64
import binascii
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import EmbeddingInvalid

# Providers that answer in 16 bits leave unit vectors about this far from length 1.
_LENGTH_TOLERANCE = 1e-2


def parse_vectors(reply: object, *, count: int, dimension: int) -> NDArray[np.float32]:
    """float32 [count, dimension], in the order of the inputs, each of length 1. Raises EmbeddingInvalid."""
    data = _numbered(reply, count=count)
    rows = [_vector(data[n]) for n in range(count)]
    if wrong := {row.shape for row in rows} - {(dimension,)}:
        raise EmbeddingInvalid(f"embeddings of shape {sorted(wrong)} came back, the model has {dimension}")
    vectors = np.stack(rows) if rows else np.zeros((0, dimension), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (np.abs(lengths - 1) > _LENGTH_TOLERANCE).any():
        raise EmbeddingInvalid("an embedding came back that is not finite or not of length 1")
    return vectors / lengths


def parse_counts(reply: Any, *, count: int) -> list[int]:
    """Token counts of the tokenize endpoint, one a text. Raises EmbeddingInvalid."""
    counts = reply.get("counts") if isinstance(reply, dict) else None
    if not isinstance(counts, list) or len(counts) != count:
        raise EmbeddingInvalid(f"the tokenizer did not answer with {count} counts")
    if not all(isinstance(each, int) and each >= 0 for each in counts):
        raise EmbeddingInvalid("the tokenizer answered with something else than counts")
    return counts


def billed_tokens(reply: object) -> int | None:
    """None when the provider does not say."""
    usage = _get(reply, "usage")
    tokens = _get(usage, "total_tokens") or _get(usage, "prompt_tokens")
    return tokens if isinstance(tokens, int) and math.isfinite(tokens) and tokens > 0 else None


def _get(value: object, name: str) -> Any:
    """None where there is no such field: the reply may have any form."""
    return value.get(name) if isinstance(value, dict) else None


def _numbered(reply: object, *, count: int) -> dict[int, Any]:
    data = _get(reply, "data")
    items = data if isinstance(data, list) else []
    numbered = {index: _get(item, "embedding") for item in items if isinstance(index := _get(item, "index"), int)}
    if len(items) != count or numbered.keys() != set(range(count)):
        raise EmbeddingInvalid(f"{len(items)} embeddings came back for {count} texts, or their numbering is broken")
    return numbered


def _vector(embedding: Any) -> NDArray[np.float32]:
    """base64 of little-endian float32, as asked for; a list from providers that do not know base64."""
    try:
        if isinstance(embedding, str):
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float32)
        return np.array(embedding, dtype=np.float32, ndmin=1)
    except (ValueError, TypeError, binascii.Error):
        raise EmbeddingInvalid("an embedding came back that is neither base64 of float32 nor numbers") from None

"""How documents are cut and embedded here; recorded on each of them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """`index` names where a document must be whole to be ready."""

    index: str
    model: str
    provider: str
    dimension: int
    chunk_tokens: int

    def as_json(self) -> dict[str, Any]:
        """What a document's chunks depend on."""
        return {"model": self.model, "dimension": self.dimension, "chunk_tokens": self.chunk_tokens}

"""A second look at the best hits by a model that reads question and text together; optional, and never in the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from retrieval.store import Hit

# Per wanted hit, the reranker sees this many; more than the bound it never does, as it reads every word of them.
_CANDIDATES_PER_HIT = 4
_MAX_CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Billed:
    """What one call cost. `estimated`: the provider did not say."""

    tokens: int
    estimated: bool
    outcome: Literal["completed", "cancelled", "failed"] = "completed"


class Reranker(Protocol):
    @property
    def model(self) -> str: ...

    async def rerank(
        self, question: str, hits: Sequence[Hit], *, on_billed: Callable[[Billed], None] | None = None
    ) -> list[float]:
        """One score a hit, in their order; higher is better. `on_billed` is told once of every call to the model,
        also of one that fails or is cancelled. Raises RerankError.
        """
        ...


def candidates_to_rerank(top_k: int) -> int:
    return max(top_k, min(top_k * _CANDIDATES_PER_HIT, _MAX_CANDIDATES))

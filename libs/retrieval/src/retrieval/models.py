"""The embedding models that indexes are built with. Everything that differs between models stands here."""

import math
from dataclasses import dataclass

from retrieval.errors import ModelUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingModel:
    """`lexical_weight` scales BM25 (0..1) against this model's cosines; it must be measured per model, because
    models spread their cosines over different ranges. `average_terms` is the usual number of lexical terms in
    a full chunk: BM25 needs one fixed length, or the weights stored yesterday would not fit those of today.
    `special_tokens` is what the model adds around every input and `passage_prefix_tokens` what the prefix costs.
    """

    name: str
    dimension: int
    query_prefix: str = ""
    passage_prefix: str = ""
    lexical_weight: float
    max_tokens: int
    average_terms: int = 120
    special_tokens: int = 2
    passage_prefix_tokens: int = 0

    def __post_init__(self) -> None:
        if not self.name or self.dimension < 1 or self.max_tokens < 1 or self.average_terms < 1:
            raise ValueError(f"an embedding model needs a name and positive sizes: {self!r}")
        if not 0 <= self.lexical_weight < math.inf:
            raise ValueError(f"lexical_weight must be a number and not negative: {self!r}")

    @property
    def passage_room(self) -> int:
        """Tokens of text that fit into one passage."""
        return self.max_tokens - self.special_tokens - self.passage_prefix_tokens


_MODELS: dict[str, EmbeddingModel] = {
    "multilingual-e5-small": EmbeddingModel(
        name="multilingual-e5-small",
        dimension=384,
        query_prefix="query: ",
        passage_prefix="passage: ",
        lexical_weight=0.11,  # bench/retrieval.json: less loses shared words, more loses rewordings
        max_tokens=512,
        passage_prefix_tokens=2,
    )
}


def get_model(name: str) -> EmbeddingModel:
    """Raises ModelUnknown, which names the models there are and the way to add one."""
    try:
        return _MODELS[name]
    except KeyError:
        known = ", ".join(sorted(_MODELS))
        raise ModelUnknown(
            f"no embedding model {name!r} is registered; registered: {known}. Add another with "
            "retrieval.models.register_model(EmbeddingModel(name=…, dimension=…, lexical_weight=…, max_tokens=…)) "
            "before the service starts"
        ) from None


def register_model(model: EmbeddingModel) -> None:
    """Refuses to change a known model: indexes built with it would no longer match it."""
    if _MODELS.setdefault(model.name, model) != model:
        raise ValueError(f"embedding model {model.name!r} is registered with other values")

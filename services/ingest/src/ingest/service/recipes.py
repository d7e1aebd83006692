"""How documents are cut and embedded here; recorded on each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ingest.crud import indexes
from ingest.service.chunking import Chunking


@dataclass(frozen=True)
class Recipe:
    """`index` names where a document must be whole to be ready."""

    index: str
    model: str
    dimension: int
    chunking: Chunking

    def as_json(self) -> dict[str, Any]:
        """What a document's chunks and their embeddings depend on."""
        return {"model": self.model, "dimension": self.dimension, **self.chunking.as_json()}


@dataclass(frozen=True)
class RecipeBook:
    """The recipe of the settings, until a migration makes another index the primary one.

    `providers`: the name that usage is booked under, by model.
    """

    first: Recipe
    providers: Mapping[str, str]

    async def current(self, session: AsyncSession) -> Recipe:
        primary = await indexes.get_primary(session)
        if primary is None:
            return self.first
        return Recipe(primary.index_id, primary.model, primary.dimension, self.first.chunking)

    def provider_of(self, model: str) -> str:
        return self.providers.get(model, "unknown")

"""The indexes that this installation writes, and their errors as this service's own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from chassis import tenant
from chassis.database import Database
from chassis.errors import Unavailable
from ingest.crud import indexes
from ingest.errors import INDEX_UNAVAILABLE
from retrieval.errors import StoreUnavailable
from retrieval.store import VectorStoreAdapter


@dataclass(frozen=True)
class Indexes:
    """Stores by `index_id`; `primary` is the one of the settings, and of a new installation."""

    primary: str
    backend: str
    stores: Mapping[str, VectorStoreAdapter]

    def __getitem__(self, index_id: str) -> VectorStoreAdapter:
        return self.stores[index_id]

    async def ensure(self, database: Database) -> None:
        """Make the primary index, and its row, unless they are there. Raises StoreUnavailable, Unavailable."""
        store = self.stores[self.primary]
        await store.ensure_index()
        async with database.transaction(tenant.PLATFORM) as session:
            await indexes.add_primary(
                session,
                index_id=self.primary,
                backend=self.backend,
                model=store.model.name,
                dimension=store.model.dimension,
            )
            # What was made before there was a record of what an index holds.
            await indexes.mark_untold_due(session, self.primary)


def name_index(backend: str, model: str, dimension: int) -> str:
    return f"{backend}:{model}:{dimension}"


@asynccontextmanager
async def index_errors() -> AsyncIterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        raise Unavailable(INDEX_UNAVAILABLE) from error

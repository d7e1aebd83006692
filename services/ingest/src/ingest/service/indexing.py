"""The indexes that this installation knows, and their errors as this service's own."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from chassis import tenant
from chassis.database import Database
from chassis.errors import Unavailable
from ingest.crud import indexes
from ingest.errors import INDEX_UNAVAILABLE
from retrieval.errors import StoreError
from retrieval.store import VectorStoreAdapter

log = logging.getLogger(__name__)


class IndexName(NamedTuple):
    """What `index_id` spells: `pgvector:multilingual-e5-small:384`."""

    backend: str
    model: str
    dimension: int

    @property
    def index_id(self) -> str:
        return f"{self.backend}:{self.model}:{self.dimension}"

    @classmethod
    def parse(cls, index_id: str) -> "IndexName":
        backend, _, rest = index_id.partition(":")
        model, _, dimension = rest.rpartition(":")
        return cls(backend, model, int(dimension))


class Indexes:
    """Stores by `index_id`, opened when they are first asked for, and those of `opened` with the process.

    `first`: the index of the settings, which a new installation begins with. `make`: raises LookupError for a backend
    or model that the settings say nothing of.
    """

    def __init__(
        self,
        first: str,
        make: Callable[[IndexName], VectorStoreAdapter],
        *,
        opened: Mapping[str, VectorStoreAdapter] | None = None,
    ) -> None:
        self.first = first
        self._make = make
        self._opened = dict(opened or {})
        self._opening = asyncio.Lock()

    def through(self, index_id: str, store: VectorStoreAdapter) -> "Indexes":
        """The same, but with another way to this one."""
        return Indexes(self.first, self._make, opened={**self._opened, index_id: store})

    def known(self, index_id: str) -> bool:
        """Whether the settings say how to reach it."""
        try:
            return index_id in self._opened or bool(self._make(IndexName.parse(index_id)))
        except (LookupError, ValueError):
            return False

    async def get(self, index_id: str) -> VectorStoreAdapter:
        """Raises Unavailable: the settings of this process say nothing of it."""
        if index_id not in self._opened:
            async with self._opening:
                if index_id not in self._opened:
                    try:
                        store = self._make(IndexName.parse(index_id))
                    except LookupError as error:
                        raise Unavailable(INDEX_UNAVAILABLE) from error
                    await store.open()
                    self._opened[index_id] = store
        return self._opened[index_id]

    async def open(self) -> None:
        """Does not wait for any of them."""
        for store in self._opened.values():
            await store.open()

    async def ping(self) -> None:
        """Raises StoreUnavailable."""
        await (await self.get(self.first)).ping()

    async def close(self) -> None:
        for store in self._opened.values():
            await store.close()

    async def ensure(self, database: Database) -> None:
        """Make the first index, and its row, unless there is a primary one. Raises StoreUnavailable, Unavailable."""
        name = IndexName.parse(self.first)
        async with database.transaction(tenant.PLATFORM) as session:
            primary = await indexes.get_primary(session)
        store = await self.get(primary.index_id if primary else self.first)
        await store.ensure_index()
        async with database.transaction(tenant.PLATFORM) as session:
            if primary is None:
                await indexes.add_primary(session, index_id=self.first, **name._asdict())
                # What was made before there was a record of what an index holds.
                await indexes.mark_untold_due(session, self.first)


@asynccontextmanager
async def index_errors() -> AsyncIterator[None]:
    """An index that refuses, because it is another one's or its key is wrong, is the operator's to mend, and as good as
    away until then: what it has yet to be told waits.
    """
    try:
        yield
    except StoreError as error:
        if not error.retryable:
            log.exception("an index refuses")
        raise Unavailable(INDEX_UNAVAILABLE) from error

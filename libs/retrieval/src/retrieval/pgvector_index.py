"""The table of one index (collection, model, dimension) and its indexes."""

import json
from dataclasses import dataclass

from psycopg import sql

from retrieval.errors import IndexMismatch, IndexMissing
from retrieval.index_names import make_name
from retrieval.lexical import TERM_IDS
from retrieval.models import EmbeddingModel
from retrieval.pgvector_database import Connection

# A halfvec of up to this dimension stays inside its row, whatever else the row holds.
_INLINE_DIMENSION = 1_024


@dataclass(frozen=True, slots=True)
class Index:
    schema: str
    name: str
    model: EmbeddingModel
    analyser: str

    @property
    def table(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def tombstones(self) -> sql.Identifier:
        """A small table beside the index: which documents were deleted, in which version."""
        return sql.Identifier(self.schema, f"{self.name}_tombstones")

    @property
    def description(self) -> str:
        """Stands as the table's comment: what would silently give wrong results if it differed."""
        return json.dumps(
            {"model": self.model.name, "dimension": self.model.dimension, "analyser": self.analyser, "layout": 2}
        )


def make_index(*, schema: str, collection: str, model: EmbeddingModel, analyser: str) -> Index:
    return Index(schema, make_name(collection=collection, model=model), model, analyser)


async def check(connection: Connection, index: Index) -> None:
    """Raises IndexMissing or IndexMismatch."""
    cursor = await connection.execute(
        "SELECT to_regclass(%(name)s) IS NOT NULL, obj_description(to_regclass(%(name)s), 'pg_class')",
        {"name": f'"{index.schema}"."{index.name}"'},
    )
    exists, description = await cursor.fetchone() or (False, None)
    if not exists:
        raise IndexMissing(f"the writer has not made the index {index.schema}.{index.name} yet")
    if description != index.description:
        raise IndexMismatch(f"{index.schema}.{index.name} holds {description}, not {index.description}")


async def ensure(connection: Connection, index: Index) -> None:
    async with connection.transaction():
        # CREATE TABLE IF NOT EXISTS of two starting workers can still collide in the catalogue.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [index.name])
        try:
            await check(connection, index)
        except IndexMissing:
            for statement in _statements(index):
                await connection.execute(statement)


async def drop(connection: Connection, index: Index) -> None:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [index.name])
        await connection.execute(sql.SQL("DROP TABLE IF EXISTS {}, {}").format(index.table, index.tombstones))


def _statements(index: Index) -> list[sql.Composed]:
    """`toast_tuple_target`, `plain` and `main` keep what a scan reads (vector, weights) inside the row and only
    the text outside: reading a vector from TOAST costs more than comparing it. Every search reads the index on
    scopes, so that one has no pending list to be searched; the one on terms does, small, because it takes a
    hundred entries a chunk and writing them one by one makes inserts five times slower.
    """
    plain = "ALTER embedding SET STORAGE plain, " if index.model.dimension <= _INLINE_DIMENSION else ""
    named = {
        "table": index.table,
        "tombstones": index.tombstones,
        "dimension": sql.Literal(index.model.dimension),
        "term_ids": sql.Literal(TERM_IDS),
        "plain": sql.SQL(plain),
        "description": sql.Literal(index.description),
        **{
            key: sql.Identifier(f"{key}_{index.name}")
            for key in ("pk", "pk_buried", "ix_doc_id", "ix_scopes", "ix_terms", "ix_embedding")
        },
    }
    return [sql.SQL(statement).format(**named) for statement in _DDL]


_DDL = (
    """CREATE TABLE {table} (
        id uuid CONSTRAINT {pk} PRIMARY KEY,
        doc_id uuid NOT NULL,
        scopes text[] NOT NULL,
        payload jsonb NOT NULL,
        text text NOT NULL,
        embedding halfvec({dimension}) NOT NULL,
        terms int4[] NOT NULL,
        weights sparsevec({term_ids}) NOT NULL
    ) WITH (toast_tuple_target = 4080)""",
    """ALTER TABLE {table} {plain}ALTER weights SET STORAGE main, ALTER payload SET STORAGE main,
        ALTER scopes SET STORAGE main, ALTER text SET STORAGE external, ALTER terms SET STORAGE external""",
    "CREATE INDEX {ix_doc_id} ON {table} (doc_id)",
    "CREATE INDEX {ix_scopes} ON {table} USING gin (scopes) WITH (fastupdate = off)",
    "CREATE INDEX {ix_terms} ON {table} USING gin (terms) WITH (gin_pending_list_limit = 1024)",
    "CREATE INDEX {ix_embedding} ON {table} USING hnsw (embedding halfvec_cosine_ops)",
    """CREATE TABLE {tombstones} (
        doc_id uuid CONSTRAINT {pk_buried} PRIMARY KEY,
        version int NOT NULL,
        deleted_at timestamptz NOT NULL DEFAULT now()
    )""",
    "COMMENT ON TABLE {table} IS {description}",
)

"""Writing and reading whole documents."""

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from pgvector import HalfVector, SparseVector
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from retrieval.chunks import Chunk
from retrieval.errors import ItemInvalid
from retrieval.lexical import TERM_IDS
from retrieval.pgvector_database import Connection
from retrieval.pgvector_filters import Where
from retrieval.pgvector_index import Index

type Row = tuple[uuid.UUID, np.ndarray[Any, np.dtype[np.float32]], dict[str, Any]]

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s || doc_id::text, 0)) FROM unnest(%s::uuid[]) AS doc_id"
_VERSIONS = """SELECT doc_id, max((payload->>'version')::int) FROM {table}
    WHERE doc_id = ANY(%s) GROUP BY doc_id"""
_HELD = "SELECT max((payload->>'version')::int), count(*) FROM {table} WHERE doc_id = %s"
_UPDATE = """UPDATE {table} SET scopes = %(scopes)s, payload = payload || %(changed)s
    WHERE doc_id = %(doc_id)s AND (scopes <> %(scopes)s OR (payload->>'version')::int <> %(version)s)"""
_BURIED = "SELECT doc_id, version FROM {tombstones} WHERE doc_id = ANY(%s)"
_BURY = """INSERT INTO {tombstones} AS held (doc_id, version) VALUES (%s, %s)
    ON CONFLICT (doc_id) DO UPDATE SET version = greatest(held.version, excluded.version), deleted_at = now()"""
_EXHUME = "DELETE FROM {tombstones} WHERE doc_id = ANY(%s)"
_PURGE = "DELETE FROM {tombstones} WHERE deleted_at <= now() - make_interval(secs => %s)"
_IDS = "SELECT id, (payload->>'version')::int FROM {table} WHERE doc_id = %s"
_DELETE = "DELETE FROM {table} WHERE doc_id = ANY(%s)"
_COPY = """COPY {table} (id, doc_id, scopes, payload, text, embedding, terms, weights)
    FROM STDIN (FORMAT binary)"""
_TYPES = ("uuid", "uuid", "text[]", "jsonb", "text", "halfvec", "int4[]", "sparsevec")


async def replace(connection: Connection, index: Index, chunks: Sequence[Chunk]) -> int:
    """In one transaction, documents locked in the order of their ids, so that two writers cannot interleave."""
    documents = sorted({chunk.doc_id for chunk in chunks})
    async with connection.transaction():
        await _lock(connection, index, documents)
        cursor = await connection.execute(sql.SQL(_VERSIONS).format(table=index.table), [documents])
        held: dict[uuid.UUID, int] = dict(await cursor.fetchall())
        cursor = await connection.execute(sql.SQL(_BURIED).format(tombstones=index.tombstones), [documents])
        buried: dict[uuid.UUID, int] = dict(await cursor.fetchall())
        fresh = [chunk for chunk in chunks if held.get(chunk.doc_id, 0) <= chunk.version > buried.get(chunk.doc_id, -1)]
        if risen := buried.keys() & {chunk.doc_id for chunk in fresh}:
            await connection.execute(sql.SQL(_EXHUME).format(tombstones=index.tombstones), [list(risen)])
        if stale := held.keys() & {chunk.doc_id for chunk in fresh}:
            await connection.execute(sql.SQL(_DELETE).format(table=index.table), [list(stale)])
        await _copy(connection, index, fresh)
    return len(fresh)


async def update_scopes(
    connection: Connection, index: Index, doc_id: uuid.UUID, scopes: list[str], version: int
) -> int:
    """Rows that are so already are not written: each write of a row enters all of the table's indexes anew."""
    async with connection.transaction():
        await _lock(connection, index, [doc_id])
        cursor = await connection.execute(sql.SQL(_HELD).format(table=index.table), [doc_id])
        newest, chunks = await cursor.fetchone() or (None, 0)
        if newest is None or newest > version:
            return 0
        change = {"scopes": scopes, "version": version}
        statement = sql.SQL(_UPDATE).format(table=index.table)
        await connection.execute(statement, {"doc_id": doc_id, "changed": Jsonb(change), **change})
        return int(chunks)


async def delete(connection: Connection, index: Index, doc_id: uuid.UUID, version: int | None) -> int:
    async with connection.transaction():
        await _lock(connection, index, [doc_id])
        if version is not None:
            cursor = await connection.execute(sql.SQL(_HELD).format(table=index.table), [doc_id])
            newest, _ = await cursor.fetchone() or (None, 0)
            if newest is not None and newest > version:
                return 0
            await connection.execute(sql.SQL(_BURY).format(tombstones=index.tombstones), [doc_id, version])
        cursor = await connection.execute(sql.SQL(_DELETE).format(table=index.table), [[doc_id]])
        return cursor.rowcount


async def purge_tombstones(connection: Connection, index: Index, older_than_seconds: float) -> int:
    statement = sql.SQL(_PURGE).format(tombstones=index.tombstones)
    return (await connection.execute(statement, [older_than_seconds])).rowcount


async def tombstone(connection: Connection, index: Index, doc_id: uuid.UUID) -> int | None:
    cursor = await connection.execute(sql.SQL(_BURIED).format(tombstones=index.tombstones), [[doc_id]])
    row = await cursor.fetchone()
    return int(row[1]) if row else None


async def ids(connection: Connection, index: Index, doc_id: uuid.UUID) -> dict[str, int]:
    cursor = await connection.execute(sql.SQL(_IDS).format(table=index.table), [doc_id])
    return {str(key): version for key, version in await cursor.fetchall()}


async def read_after(connection: Connection, index: Index, after: uuid.UUID | None, limit: int) -> list[Row]:
    condition = sql.SQL("id > %(after)s" if after else "true") + sql.SQL(" ORDER BY id LIMIT %(limit)s")
    return await _read(connection, index, condition, {"after": after, "limit": limit})


async def read_document(connection: Connection, index: Index, doc_id: uuid.UUID) -> list[Row]:
    return await _read(connection, index, sql.SQL("doc_id = %(doc_id)s"), {"doc_id": doc_id})


async def count(connection: Connection, index: Index, where: Where) -> int:
    statement = sql.SQL("SELECT count(*) FROM {table} WHERE {where}").format(table=index.table, where=where.sql)
    cursor = await connection.execute(statement, where.parameters)
    return int((await cursor.fetchone() or (0,))[0])


async def _read(
    connection: Connection, index: Index, condition: sql.Composable, parameters: dict[str, Any]
) -> list[Row]:
    statement = sql.SQL("SELECT id, embedding, payload, text FROM {table} WHERE {condition}").format(
        table=index.table, condition=condition
    )
    cursor = await connection.cursor(binary=True).execute(statement, parameters)
    return [
        (key, embedding.to_numpy().astype(np.float32), metadata(payload, text))
        for key, embedding, payload, text in await cursor.fetchall()
    ]


def metadata(payload: dict[str, Any], text: str) -> dict[str, Any]:
    """All that a chunk's reader gets; what was written before there were headings has none."""
    return {"headings": [], **payload, "text": text}


async def _lock(connection: Connection, index: Index, documents: Sequence[uuid.UUID]) -> None:
    await connection.execute(_LOCK, [index.name, list(documents)])


async def _copy(connection: Connection, index: Index, chunks: Sequence[Chunk]) -> None:
    try:
        async with (
            connection.cursor() as cursor,
            cursor.copy(sql.SQL(_COPY).format(table=index.table)) as copy,
        ):
            copy.set_types(_TYPES)
            for chunk in chunks:
                await copy.write_row(_row(chunk))
    except errors.UniqueViolation as error:
        raise ItemInvalid(f"an id belongs to another document: {error}") from error


def _row(chunk: Chunk) -> tuple[Any, ...]:
    return (
        chunk.id,
        chunk.doc_id,
        chunk.payload["scopes"],
        Jsonb(chunk.payload),
        chunk.text,
        HalfVector(chunk.vector),
        sorted(chunk.weights),
        SparseVector(chunk.weights, TERM_IDS),
    )

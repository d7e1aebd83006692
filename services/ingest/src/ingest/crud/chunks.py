from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import Chunk, ChunkEmbedding, Document


async def add_all(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """A chunk that stands already keeps its embedding: a repeated run goes on where the first one ended."""
    if rows:
        await session.execute(insert(Chunk).on_conflict_do_nothing(), list(rows))


async def list_for_revision(session: AsyncSession, document_id: UUID, revision: int) -> list[Chunk]:
    query = select(Chunk).where(Chunk.document_id == document_id, Chunk.revision == revision).order_by(Chunk.ordinal)
    return list((await session.execute(query)).scalars())


async def list_embeddings(
    session: AsyncSession, document_id: UUID, revision: int, *, model: str
) -> dict[int, ChunkEmbedding]:
    """By ordinal."""
    query = select(ChunkEmbedding).where(
        ChunkEmbedding.document_id == document_id, ChunkEmbedding.revision == revision, ChunkEmbedding.model == model
    )
    return {row.ordinal: row for row in (await session.execute(query)).scalars()}


async def list_known(session: AsyncSession, content_keys: Collection[bytes], *, model: str) -> dict[bytes, bytes]:
    """Embeddings of the same content, by its key."""
    query = (
        select(ChunkEmbedding.content_key, ChunkEmbedding.embedding)
        .where(ChunkEmbedding.content_key.in_(content_keys), ChunkEmbedding.model == model)
        .ext(distinct_on(ChunkEmbedding.content_key))
    )
    return {row.content_key: row.embedding for row in await session.execute(query)}


async def add_embeddings(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> int:
    """Returns how many there were not before. A second run of the same batch must not count its tokens again."""
    if not rows:
        return 0
    statement = insert(ChunkEmbedding).values(list(rows)).on_conflict_do_nothing().returning(ChunkEmbedding.ordinal)
    return len((await session.execute(statement)).all())


async def update_terms(
    session: AsyncSession, document_id: UUID, revision: int, terms: Sequence[tuple[int, list[str]]]
) -> None:
    """Pairs are (ordinal, terms)."""
    table = Chunk.__table__
    statement = (
        update(table)  # type: ignore[arg-type]
        .where(table.c.document_id == document_id, table.c.revision == revision, table.c.ordinal == bindparam("at"))
        .values(terms=bindparam("found"))
    )
    connection = await session.connection()
    await connection.execute(statement, [{"at": ordinal, "found": found} for ordinal, found in terms])


async def sum_tokens(session: AsyncSession, document_id: UUID, revision: int, *, model: str) -> int:
    query = select(func.coalesce(func.sum(ChunkEmbedding.tokens), 0)).where(
        ChunkEmbedding.document_id == document_id, ChunkEmbedding.revision == revision, ChunkEmbedding.model == model
    )
    return int((await session.execute(query)).scalar_one())


async def count(session: AsyncSession, document_id: UUID) -> int:
    query = select(func.count()).select_from(Chunk).where(Chunk.document_id == document_id)
    return (await session.execute(query)).scalar_one()


async def count_of_owner(session: AsyncSession, owner_id: UUID) -> int:
    own = select(Document.document_id).where(Document.owner_id == owner_id)
    query = select(func.count()).select_from(Chunk).where(Chunk.document_id.in_(own))
    return (await session.execute(query)).scalar_one()


async def delete_for_document(session: AsyncSession, document_id: UUID) -> int:
    statement = delete(Chunk).where(Chunk.document_id == document_id).returning(Chunk.ordinal)
    return len((await session.execute(statement)).all())


async def delete_other_revisions(session: AsyncSession, document_id: UUID, *, kept: int) -> int:
    statement = delete(Chunk).where(Chunk.document_id == document_id, Chunk.revision != kept).returning(Chunk.ordinal)
    return len((await session.execute(statement)).all())


async def delete_revision(session: AsyncSession, document_id: UUID, revision: int) -> None:
    await session.execute(delete(Chunk).where(Chunk.document_id == document_id, Chunk.revision == revision))

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import GONE, Chunk, ChunkEmbedding, Document

# A chunk of what search finds of its document; and a chunk's embedding.
_SHOWN = and_(Document.document_id == Chunk.document_id, Document.live_revision == Chunk.revision)
_OF_CHUNK = (
    ChunkEmbedding.document_id == Chunk.document_id,
    ChunkEmbedding.revision == Chunk.revision,
    ChunkEmbedding.ordinal == Chunk.ordinal,
)


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


async def lacks_embeddings(session: AsyncSession, document_id: UUID, revision: int, *, model: str) -> bool:
    place = (Chunk.document_id == document_id, Chunk.revision == revision)
    embedded = exists().where(*_OF_CHUNK, ChunkEmbedding.model == model)
    query = select(exists().where(*place, ~embedded))
    return bool((await session.execute(query)).scalar_one())


async def count_to_embed(session: AsyncSession, *, model: str) -> int:
    """Chunks that search finds and that this model has not seen."""
    seen = exists().where(*_OF_CHUNK, ChunkEmbedding.model == model)
    query = select(func.count()).select_from(Chunk).join(Document, _SHOWN)
    return (await session.execute(query.where(Document.state.not_in(GONE), ~seen))).scalar_one()


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
    if not terms:
        return
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


async def list_shown(
    session: AsyncSession, chunk_ids: Collection[UUID], *, model: str
) -> list[tuple[Chunk, Document, bytes]]:
    """Those of these chunks that search shall find, with their documents and embeddings."""
    query = (
        select(Chunk, Document, ChunkEmbedding.embedding)
        .join(Document, _SHOWN)
        .join(ChunkEmbedding, and_(*_OF_CHUNK, ChunkEmbedding.model == model))
        .where(Chunk.chunk_id.in_(chunk_ids), Document.state.not_in(GONE))
    )
    return [(chunk, document, vector) for chunk, document, vector in await session.execute(query)]


async def count_shown(session: AsyncSession) -> int:
    query = select(func.count()).select_from(Chunk).join(Document, _SHOWN).where(Document.state.not_in(GONE))
    return (await session.execute(query)).scalar_one()


async def counts_shown(session: AsyncSession) -> list[tuple[UUID, int]]:
    """Document by document."""
    query = select(Chunk.document_id, func.count()).join(Document, _SHOWN).where(Document.state.not_in(GONE))
    return [(each, count) for each, count in await session.execute(query.group_by(Chunk.document_id))]


async def count_of_documents(session: AsyncSession, document_ids: Collection[UUID]) -> int:
    query = select(func.count()).select_from(Chunk).join(Document, _SHOWN)
    return (await session.execute(query.where(Document.document_id.in_(document_ids)))).scalar_one()


class Sample(NamedTuple):
    owner_id: UUID
    text: str
    embedding: bytes


async def list_samples(session: AsyncSession, *, model: str, limit: int) -> list[Sample]:
    """Chunks drawn at random, a few of each document."""
    drawn = (
        select(Document.document_id)
        .where(Document.live_revision.is_not(None), Document.state.not_in(GONE))
        .order_by(func.random())
        .limit(limit)
        .subquery()
    )
    query = (
        select(Document.owner_id, Chunk.text, ChunkEmbedding.embedding)
        .join(drawn, drawn.c.document_id == Document.document_id)
        .join(Chunk, _SHOWN)
        .join(ChunkEmbedding, and_(*_OF_CHUNK, ChunkEmbedding.model == model))
        .order_by(func.random())
        .limit(limit)
    )
    return [Sample(*row) for row in await session.execute(query)]

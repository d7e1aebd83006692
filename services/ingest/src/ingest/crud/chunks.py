from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import Chunk, Document


async def add_all(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """A chunk that stands already keeps its embedding: a repeated run goes on where the first one ended."""
    if rows:
        await session.execute(insert(Chunk).on_conflict_do_nothing(), list(rows))


async def list_for_document(session: AsyncSession, document_id: UUID) -> list[Chunk]:
    query = select(Chunk).where(Chunk.document_id == document_id).order_by(Chunk.ordinal)
    return list((await session.execute(query)).scalars())


async def update_embeddings(session: AsyncSession, document_id: UUID, rows: Sequence[tuple[int, bytes, int]]) -> None:
    """Rows are (ordinal, embedding, tokens)."""
    statement = (
        update(Chunk.__table__)  # type: ignore[arg-type]
        .where(
            Chunk.__table__.c.document_id == document_id,
            Chunk.__table__.c.ordinal == bindparam("at"),
            # A second run of the same batch must not count its tokens again.
            Chunk.__table__.c.embedding.is_(None),
        )
        .values(embedding=bindparam("vector"), tokens=bindparam("spent"))
    )
    connection = await session.connection()
    await connection.execute(statement, [{"at": o, "vector": v, "spent": t} for o, v, t in rows])


async def sum_tokens(session: AsyncSession, document_id: UUID) -> int:
    query = select(func.coalesce(func.sum(Chunk.tokens), 0)).where(Chunk.document_id == document_id)
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

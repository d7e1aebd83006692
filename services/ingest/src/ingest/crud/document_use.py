"""What is stored of whom. What is being deleted counts no more; a file that newer content waits to replace does."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import GONE, Document

# The file before the newest one, while both are kept.
_REPLACED = case(
    (Document.live["storage_key"].astext != Document.storage_key, Document.live["size_bytes"].astext.cast(BigInteger)),
    else_=0,
)


@dataclass(frozen=True, slots=True)
class Use:
    documents: int
    size_bytes: int


async def of_user(session: AsyncSession, user_id: UUID, *, besides: UUID | None = None) -> Use:
    """`besides`: a document that is not counted."""
    return await _sum(session, Document.owner_id == user_id, besides)


async def of_org(session: AsyncSession, org_id: UUID, *, besides: UUID | None = None) -> Use:
    return await _sum(session, Document.org_id == org_id, besides)


async def lock(session: AsyncSession, holder_id: UUID) -> None:
    """Of a user or an org; held to the end of the transaction, so that what is summed stays the sum."""
    key = func.hashtextextended(f"ingest.document_use/{holder_id}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def _sum(session: AsyncSession, whose: ColumnElement[bool], besides: UUID | None) -> Use:
    query = select(func.count(), func.coalesce(func.sum(Document.size_bytes + _REPLACED), 0))
    query = query.where(whose, Document.state.not_in(GONE))
    if besides is not None:
        query = query.where(Document.document_id != besides)
    count, size = (await session.execute(query)).one()
    return Use(count, int(size))

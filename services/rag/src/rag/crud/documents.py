from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from rag.models import UNTOLD_ORG, Document


async def update_projection(session: AsyncSession, *, version: int, **values: Any) -> None:
    await projection.upsert(session, cast("Table", Document.__table__), version=version, **values)


async def get(session: AsyncSession, document_id: UUID) -> Document | None:
    return (await session.execute(select(Document).where(Document.document_id == document_id))).scalar_one_or_none()


async def list_ids_for_scopes(
    session: AsyncSession, document_ids: Sequence[UUID], *, scopes: Sequence[str]
) -> list[UUID]:
    query = select(Document.document_id).where(
        Document.document_id.in_(document_ids), Document.is_live, Document.scopes.overlap(list(scopes))
    )
    return list((await session.execute(query)).scalars())


async def is_foreign_in(session: AsyncSession, scope: str, *, owner_id: UUID, org_id: UUID) -> bool:
    """Whether a document of this owner that the scope finds is another org's than this one."""
    query = select(Document.document_id).where(
        Document.owner_id == owner_id,
        Document.is_live,
        Document.scopes.overlap([scope]),
        Document.org_id.not_in([org_id, UNTOLD_ORG]),
    )
    return (await session.execute(select(query.exists()))).scalar_one()


async def update_forgotten(session: AsyncSession, owner_id: UUID) -> int:
    """What a deletion leaves of an owner's documents: that they were there. Returns how many said more."""
    saying_more = or_(Document.is_live, Document.title != "", func.cardinality(Document.scopes) > 0)
    statement = (
        update(Document)
        .where(Document.owner_id == owner_id, saying_more)
        .values(is_live=False, title="", scopes=[])
        .returning(Document.document_id)
    )
    return len((await session.execute(statement)).all())

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from rag.models import Document


async def update_projection(session: AsyncSession, *, version: int, **values: Any) -> None:
    await projection.upsert(session, cast("Table", Document.__table__), version=version, **values)


async def list_ids_for_scopes(
    session: AsyncSession, document_ids: Sequence[UUID], *, scopes: Sequence[str]
) -> list[UUID]:
    query = select(Document.document_id).where(
        Document.document_id.in_(document_ids), Document.is_live, Document.scopes.overlap(list(scopes))
    )
    return list((await session.execute(query)).scalars())

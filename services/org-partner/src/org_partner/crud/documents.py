from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from org_partner.crud.scopes import ClassScope, PlatformScope
from org_partner.models import Document, Membership


async def get(session: AsyncSession, _scope: PlatformScope, document_id: UUID) -> Document | None:
    return await session.get(Document, document_id)


async def update_projection(session: AsyncSession, _scope: PlatformScope, *, version: int, **values: Any) -> None:
    await projection.upsert(session, cast("Table", Document.__table__), version=version, **values)


async def lock_usable(
    session: AsyncSession, scope: ClassScope, document_ids: Collection[UUID], *, user_id: UUID
) -> set[UUID]:
    """Which of these the user may make materials of the class. They stay as they are until the transaction ends."""
    staff = select(Membership.user_id).where(
        Membership.org_id == scope.org_id, Membership.partner_id == scope.partner_id, Membership.revoked_at.is_(None)
    )
    at_partner = (Document.org_id == scope.org_id) & (Document.partner_id == scope.partner_id)
    query = (
        select(Document.document_id)
        .where(Document.document_id.in_(document_ids), Document.is_live)
        .where(or_(Document.owner_id == user_id, Document.owner_id.in_(staff), at_partner))
        .order_by(Document.document_id)
        .with_for_update(read=True)
    )
    return set((await session.execute(query)).scalars())

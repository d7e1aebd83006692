from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from org_partner.crud.scopes import ClassScope, PlatformScope
from org_partner.models import Document, Membership


async def get(session: AsyncSession, _scope: PlatformScope, document_id: UUID) -> Document | None:
    return await session.get(Document, document_id)


async def update_projection(session: AsyncSession, _scope: PlatformScope, *, version: int, **values: Any) -> None:
    await projection.upsert(session, cast("Table", Document.__table__), version=version, **values)


async def lock_usable(session: AsyncSession, scope: ClassScope, document_ids: Collection[UUID]) -> set[UUID]:
    """Which of these may be materials of the class. They stay as they are until the transaction ends.

    Ones of who teaches at the class's partner, or has taught there: a student's own work is never a material.
    """
    at_partner = Document.partner_id == scope.partner_id
    own = (Document.org_id.is_(None), Document.owner_id.in_(_staff(scope)))
    placed = (
        Document.org_id == scope.org_id,
        Document.owner_id.in_(_ever_staff(scope)),
        or_(at_partner, Document.owner_id.in_(_staff(scope))),
    )
    query = (
        select(Document.document_id)
        .where(Document.document_id.in_(document_ids), Document.is_live, or_(and_(*own), and_(*placed)))
        .order_by(Document.document_id)
        .with_for_update(read=True)
    )
    return set((await session.execute(query)).scalars())


def _ever_staff(scope: ClassScope) -> Select[UUID]:
    return select(Membership.user_id).where(Membership.org_id == scope.org_id)


def _staff(scope: ClassScope) -> Select[UUID]:
    """Of the partner, and of the org above it."""
    reaching = or_(Membership.partner_id == scope.partner_id, Membership.partner_id.is_(None))
    return _ever_staff(scope).where(reaching, Membership.revoked_at.is_(None))

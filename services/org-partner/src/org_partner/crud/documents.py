from collections.abc import Collection
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, any_, exists, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from org_partner.crud.scopes import ClassScope, OwnScope, PlatformScope
from org_partner.models import Class, Document, Membership


async def get(session: AsyncSession, _scope: PlatformScope, document_id: UUID) -> Document | None:
    return await session.get(Document, document_id)


async def update_projection(session: AsyncSession, _scope: PlatformScope, *, version: int, **values: Any) -> None:
    await projection.upsert(session, cast("Table", Document.__table__), version=version, **values)


async def lock(session: AsyncSession, _scope: PlatformScope, document_id: UUID) -> None:
    """One fact about a document at a time, and none while it becomes a material. Also before it has a row."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended('document:' || :document_id, 0))")
    await session.execute(statement, {"document_id": str(document_id)})


async def lock_usable(
    session: AsyncSession, scope: ClassScope, own: OwnScope, document_ids: Collection[UUID]
) -> set[UUID]:
    """Which of these the user may make materials of the class. They stay as they are until the transaction ends.

    Their own, if they work for the partner or the org above it, and what is open to a class of the partner already.
    What others keep to themselves, be they colleagues or students, is not published by knowing its id.
    """
    # By name: another's document is read here and not theirs to lock.
    named = "SELECT unnest(cast(:document_ids AS text[])) AS document_id ORDER BY 1"
    locked = f"pg_advisory_xact_lock_shared(hashtextextended('document:' || document_id, 0)) FROM ({named}) named"
    await session.execute(text(f"SELECT {locked}"), {"document_ids": [str(each) for each in document_ids]})
    mine = (
        Document.owner_id == own.user_id,
        Document.owner_id.in_(_staff(scope)),
        or_(Document.org_id.is_(None), Document.org_id == scope.org_id),
    )
    query = select(Document.document_id).where(
        Document.document_id.in_(document_ids), Document.is_live, or_(and_(*mine), _is_open(scope))
    )
    return set((await session.execute(query)).scalars())


def _staff(scope: ClassScope) -> Select[UUID]:
    """Of the partner, and of the org above it."""
    reaching = or_(Membership.partner_id == scope.partner_id, Membership.partner_id.is_(None))
    return select(Membership.user_id).where(
        Membership.org_id == scope.org_id, reaching, Membership.revoked_at.is_(None)
    )


def _is_open(scope: ClassScope) -> ColumnElement[bool]:
    """To a class of the partner."""
    here = (Class.org_id == scope.org_id, Class.partner_id == scope.partner_id)
    return exists().where(Class.class_id == any_(Document.class_ids), *here)

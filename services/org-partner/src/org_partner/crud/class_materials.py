from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import ClassScope, InviteScope, PlatformScope
from org_partner.models import ClassMaterial, Document


async def add_many(session: AsyncSession, scope: ClassScope, document_ids: Sequence[UUID], *, added_by: UUID) -> bool:
    """False: all of them were there."""
    if not document_ids:
        return False
    tenant = {"org_id": scope.org_id, "partner_id": scope.partner_id, "class_id": scope.class_id}
    rows = [{"document_id": each, "added_by": added_by, **tenant} for each in document_ids]
    statement = (
        insert(ClassMaterial)
        .values(rows)
        .on_conflict_do_nothing(index_elements=[ClassMaterial.class_id, ClassMaterial.document_id])
    )
    return bool((await session.execute(statement.returning(ClassMaterial.document_id))).all())


async def delete_many(
    session: AsyncSession, scope: ClassScope, *, only: UUID | None = None, except_: Collection[UUID] = ()
) -> bool:
    """One of the class's materials, or all but some. False: there was nothing to take out."""
    statement = delete(ClassMaterial).where(
        ClassMaterial.class_id == scope.class_id, ClassMaterial.org_id == scope.org_id
    )
    if only is not None:
        statement = statement.where(ClassMaterial.document_id == only)
    statement = statement.where(ClassMaterial.document_id.not_in(except_))
    return bool((await session.execute(statement.returning(ClassMaterial.document_id))).all())


async def list_classes(session: AsyncSession, _scope: PlatformScope, document_id: UUID) -> list[UUID]:
    """Those that have the document, in order of their ids."""
    query = select(ClassMaterial.class_id).where(ClassMaterial.document_id == document_id)
    return list((await session.execute(query.order_by(ClassMaterial.class_id))).scalars())


async def delete_document(session: AsyncSession, _scope: PlatformScope, document_id: UUID, class_id: UUID) -> bool:
    """Out of a locked class. False: it was taken out before."""
    which = (ClassMaterial.document_id == document_id, ClassMaterial.class_id == class_id)
    statement = delete(ClassMaterial).where(*which).returning(ClassMaterial.class_id)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def list_ids(
    session: AsyncSession, scope: ClassScope | InviteScope | PlatformScope, class_id: UUID
) -> list[UUID]:
    """In the order in which they were added."""
    query = select(ClassMaterial.document_id).where(ClassMaterial.class_id == class_id)
    if not isinstance(scope, PlatformScope):
        query = query.where(ClassMaterial.org_id == scope.org_id)
    query = query.order_by(ClassMaterial.added_at, ClassMaterial.document_id)
    return list((await session.execute(query)).scalars())


async def count(session: AsyncSession, scope: ClassScope) -> int:
    query = select(func.count()).select_from(ClassMaterial).where(ClassMaterial.class_id == scope.class_id)
    return (await session.execute(query)).scalar_one()


async def list_titles(session: AsyncSession, scopes: Sequence[ClassScope]) -> dict[UUID, list[Row[*tuple[Any, ...]]]]:
    """By class: its materials, in the order in which they were added."""
    query = (
        select(ClassMaterial.class_id, ClassMaterial.document_id, Document.title)
        .join(Document, Document.document_id == ClassMaterial.document_id)
        .where(ClassMaterial.class_id.in_([scope.class_id for scope in scopes]), Document.is_live)
        .order_by(ClassMaterial.added_at, ClassMaterial.document_id)
    )
    found: dict[UUID, list[Row[*tuple[Any, ...]]]] = {}
    for row in await session.execute(query):
        found.setdefault(row.class_id, []).append(row)
    return found


async def list_for_class(
    session: AsyncSession, scope: ClassScope, page: Slice, *, title: str | None
) -> Sequence[Row[*tuple[Any, ...]]]:
    query = (
        select(
            ClassMaterial.document_id,
            Document.title,
            func.coalesce(Document.is_live, False).label("is_live"),
            ClassMaterial.added_by,
            ClassMaterial.added_at,
        )
        .outerjoin(Document, Document.document_id == ClassMaterial.document_id)
        .where(ClassMaterial.class_id == scope.class_id, ClassMaterial.org_id == scope.org_id)
    )
    if title is not None:
        query = query.where(Document.title.icontains(title, autoescape=True))
    query = paging.apply(query, page, at=ClassMaterial.added_at, key=ClassMaterial.document_id)
    return (await session.execute(query)).all()

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, or_, select, text, union, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from ingest.models import GONE, LIVING, Document, DocumentShare, SharedWith, State

# Written out: with a parameter in it, PostgreSQL would not see that the index fits.
_DELETING = text("state = 'deleting'")


async def add(session: AsyncSession, **values: Any) -> Document | None:
    """None: the dedupe key is taken."""
    inserted = insert(Document).values(**values)
    inserted = inserted.on_conflict_do_nothing(index_elements=["dedupe_key"], index_where=text(LIVING))
    return (await session.execute(inserted.returning(Document))).scalar_one_or_none()


async def update_to_living(session: AsyncSession, document: Document, **values: Any) -> bool:
    """False, and nothing is written: the same file lives as another document meanwhile."""
    statement = update(Document).where(Document.document_id == document.document_id).values(**values)
    try:
        async with session.begin_nested():
            await session.execute(statement)
    except IntegrityError:
        await session.refresh(document)
        return False
    await session.refresh(document)
    return True


async def get_by_dedupe_key(session: AsyncSession, key: str) -> Document | None:
    query = select(Document).where(Document.dedupe_key == key, text(LIVING))
    return (await session.execute(query)).scalar_one_or_none()


async def get(session: AsyncSession, document_id: UUID) -> Document | None:
    return (await session.execute(select(Document).where(Document.document_id == document_id))).scalar_one_or_none()


async def get_visible(
    session: AsyncSession, document_id: UUID, *, user_id: UUID, class_ids: Sequence[UUID]
) -> Document | None:
    """Of this owner, or shared with one of these classes."""
    shared = exists().where(DocumentShare.document_id == document_id, DocumentShare.target_id.in_(class_ids))
    query = select(Document).where(
        Document.document_id == document_id, or_(Document.owner_id == user_id, shared), Document.state.not_in(GONE)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def list_visible(
    session: AsyncSession,
    page: Slice,
    *,
    user_id: UUID,
    class_ids: Sequence[UUID],
    state: str | None,
    class_id: UUID | None,
    shelf_ids: Collection[UUID],
    title: str | None,
) -> list[Document]:
    """`class_id`: those that were uploaded for the class, and those that are shared with it. `shelf_ids`: those that
    are in each of these projects and agents.
    """
    own = select(Document.document_id).where(Document.owner_id == user_id)
    shared = select(DocumentShare.document_id).where(DocumentShare.target_id.in_(class_ids))
    query = select(Document).where(Document.document_id.in_(union(own, shared)), Document.state.not_in(GONE))
    if state is not None:
        query = query.where(Document.state == state)
    if class_id is not None:
        there = select(DocumentShare.document_id).where(DocumentShare.target_id == class_id)
        query = query.where(or_(Document.class_id == class_id, Document.document_id.in_(there)))
    for shelf_id in shelf_ids:
        inside = select(DocumentShare.document_id).where(DocumentShare.target_id == shelf_id, DocumentShare.is_listed)
        query = query.where(Document.owner_id == user_id, Document.document_id.in_(inside))
    if title:
        query = query.where(Document.title.icontains(title, autoescape=True))
    query = paging.apply(query, page, at=Document.created_at.expression, key=Document.document_id.expression)
    return list((await session.execute(query)).scalars())


async def get_for_update(session: AsyncSession, document_id: UUID) -> Document | None:
    """The row as it is once it is locked, whatever this session read of it before."""
    query = select(Document).where(Document.document_id == document_id).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def list_living_for_update(
    session: AsyncSession, document_ids: Collection[UUID], *, owner_id: UUID | None = None
) -> list[Document]:
    """Locked in the order of their ids, so that two who lock several never wait for each other."""
    query = select(Document).where(Document.document_id.in_(document_ids), Document.state.not_in(GONE))
    if owner_id is not None:
        query = query.where(Document.owner_id == owner_id)
    query = query.order_by(Document.document_id).with_for_update().execution_options(populate_existing=True)
    return list((await session.execute(query)).scalars())


async def list_ids_of_owner(session: AsyncSession, owner_id: UUID) -> list[UUID]:
    """Those of which there is more than a receipt."""
    query = select(Document.document_id).where(Document.owner_id == owner_id, Document.state != State.DELETED)
    return list((await session.execute(query)).scalars())


async def list_receipts(session: AsyncSession, document_ids: Collection[UUID]) -> list[dict[str, Any]]:
    query = select(Document.receipt).where(Document.document_id.in_(document_ids), Document.state == State.DELETED)
    return [receipt for receipt in (await session.execute(query)).scalars() if receipt is not None]


async def lock_admission(session: AsyncSession, document_id: UUID) -> None:
    """Held to the end of the transaction: who gets it next knows whether the row was committed."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(document_id), 0))))


async def list_deleting(session: AsyncSession, *, since: datetime, limit: int) -> list[Document]:
    """Deletions that were begun, and that nobody has touched since then."""
    query = (
        select(Document)
        .where(_DELETING, Document.updated_at < since)
        .order_by(Document.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list((await session.execute(query)).scalars())


async def list_deleted(session: AsyncSession, *, since: datetime, limit: int) -> list[Document]:
    """The last ones first: their workers may still be writing."""
    query = (
        select(Document)
        .where(Document.state == State.DELETED, Document.updated_at >= since)
        .order_by(Document.updated_at.desc())
        .limit(limit)
    )
    return list((await session.execute(query)).scalars())


async def count_searchable(session: AsyncSession) -> int:
    query = select(func.count()).select_from(Document)
    return (
        await session.execute(query.where(Document.live_revision.is_not(None), Document.state.not_in(GONE)))
    ).scalar_one()


async def list_owners(session: AsyncSession, *, limit: int) -> list[UUID]:
    """Owners of something that search finds, drawn at random."""
    own = select(Document.owner_id).where(Document.live_revision.is_not(None), Document.state.not_in(GONE)).distinct()
    drawn = own.subquery()
    query = select(drawn.c.owner_id).order_by(func.random()).limit(limit)
    return list((await session.execute(query)).scalars())


async def list_ids_shown_in(session: AsyncSession, target_id: UUID) -> list[UUID]:
    """What whoever is in this class finds there."""
    query = (
        select(Document.document_id)
        .join(DocumentShare, DocumentShare.document_id == Document.document_id)
        .where(DocumentShare.target_id == target_id, Document.live_revision.is_not(None), Document.state.not_in(GONE))
    )
    return list((await session.execute(query)).scalars())


async def list_shown_classes(session: AsyncSession, *, limit: int) -> list[UUID]:
    """Classes in which something is found, drawn at random."""
    drawn = select(DocumentShare.target_id).where(DocumentShare.kind == SharedWith.CLASS).distinct().subquery()
    query = select(drawn.c.target_id).order_by(func.random()).limit(limit)
    return list((await session.execute(query)).scalars())


async def list_ids_found_by(session: AsyncSession, owner_id: UUID) -> list[UUID]:
    """What the owner's own scope finds."""
    query = select(Document.document_id).where(
        Document.owner_id == owner_id, Document.live_revision.is_not(None), Document.state.not_in(GONE)
    )
    return list((await session.execute(query)).scalars())


async def list_deleted_ids(session: AsyncSession, *, limit: int) -> list[UUID]:
    """The last ones first."""
    query = select(Document.document_id).where(Document.state == State.DELETED)
    return list((await session.execute(query.order_by(Document.updated_at.desc()).limit(limit))).scalars())


async def is_shown_for_update(session: AsyncSession, document_id: UUID) -> bool:
    document = await get_for_update(session, document_id)
    return document is not None and document.live_revision is not None and document.state not in GONE

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import Document, DocumentShare, SharedWith


async def add(
    session: AsyncSession,
    document: Document,
    target_id: UUID,
    *,
    kind: SharedWith = SharedWith.CLASS,
    by_upload: bool = False,
) -> None:
    """Otherwise because the class, project or agent lists it."""
    place = {"document_id": document.document_id, "target_id": target_id, "owner_id": document.owner_id}
    values = {**place, "kind": kind.value, "by_upload": by_upload, "is_listed": not by_upload}
    await session.execute(insert(DocumentShare).values(**values))


async def update_listed(session: AsyncSession, target_id: UUID, listed: Collection[UUID]) -> None:
    """Note of each that there is whether the target lists it."""
    is_listed = DocumentShare.document_id.in_(listed)
    wrong = (DocumentShare.target_id == target_id, DocumentShare.is_listed != is_listed)
    # What the session holds of them is asked for anew.
    changed = update(DocumentShare).where(*wrong).values(is_listed=is_listed)
    await session.execute(changed.execution_options(synchronize_session=False))


async def update_one_listed(session: AsyncSession, document_id: UUID, target_id: UUID, *, is_listed: bool) -> None:
    """The same of one."""
    own = (DocumentShare.document_id == document_id, DocumentShare.target_id == target_id)
    changed = update(DocumentShare).where(*own).values(is_listed=is_listed)
    await session.execute(changed.execution_options(synchronize_session=False))


async def get(session: AsyncSession, document_id: UUID, target_id: UUID) -> DocumentShare | None:
    """As it is now, whatever this session read of it before."""
    own = (DocumentShare.document_id == document_id, DocumentShare.target_id == target_id)
    query = select(DocumentShare).where(*own).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def list_for_target(session: AsyncSession, target_id: UUID) -> list[DocumentShare]:
    """Likewise."""
    query = select(DocumentShare).where(DocumentShare.target_id == target_id)
    return list((await session.execute(query.execution_options(populate_existing=True))).scalars())


async def list_for_document(session: AsyncSession, document_id: UUID) -> list[DocumentShare]:
    """Likewise."""
    query = select(DocumentShare).where(DocumentShare.document_id == document_id).order_by(DocumentShare.target_id)
    return list((await session.execute(query.execution_options(populate_existing=True))).scalars())


async def list_for_documents(session: AsyncSession, document_ids: Collection[UUID]) -> list[DocumentShare]:
    """Likewise."""
    query = select(DocumentShare).where(DocumentShare.document_id.in_(document_ids)).order_by(DocumentShare.target_id)
    return list((await session.execute(query.execution_options(populate_existing=True))).scalars())


async def delete_leaving(session: AsyncSession, document_id: UUID) -> None:
    leaving = (DocumentShare.document_id == document_id, ~DocumentShare.by_upload, ~DocumentShare.is_listed)
    await session.execute(delete(DocumentShare).where(*leaving))


async def delete_for_document(session: AsyncSession, document_id: UUID) -> None:
    await session.execute(delete(DocumentShare).where(DocumentShare.document_id == document_id))

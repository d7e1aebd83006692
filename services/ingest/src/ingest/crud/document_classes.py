from collections.abc import Collection
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import Document, DocumentClass


async def add(session: AsyncSession, document: Document, class_id: UUID, *, by_upload: bool) -> None:
    """Otherwise because the class lists it."""
    place = {"document_id": document.document_id, "class_id": class_id, "owner_id": document.owner_id}
    await session.execute(insert(DocumentClass).values(**place, by_upload=by_upload, is_listed=not by_upload))


async def update_listed(session: AsyncSession, class_id: UUID, listed: Collection[UUID]) -> None:
    """Note of each that there is whether the class lists it."""
    is_listed = DocumentClass.document_id.in_(listed)
    wrong = (DocumentClass.class_id == class_id, DocumentClass.is_listed != is_listed)
    # What the session holds of them is asked for anew.
    changed = update(DocumentClass).where(*wrong).values(is_listed=is_listed)
    await session.execute(changed.execution_options(synchronize_session=False))


async def list_for_class(session: AsyncSession, class_id: UUID) -> list[DocumentClass]:
    """As they are now, whatever this session read of them before."""
    query = select(DocumentClass).where(DocumentClass.class_id == class_id)
    return list((await session.execute(query.execution_options(populate_existing=True))).scalars())


async def list_for_document(session: AsyncSession, document_id: UUID) -> list[DocumentClass]:
    """Likewise."""
    query = select(DocumentClass).where(DocumentClass.document_id == document_id).order_by(DocumentClass.class_id)
    return list((await session.execute(query.execution_options(populate_existing=True))).scalars())


async def delete_leaving(session: AsyncSession, document_id: UUID) -> None:
    leaving = (DocumentClass.document_id == document_id, ~DocumentClass.by_upload, ~DocumentClass.is_listed)
    await session.execute(delete(DocumentClass).where(*leaving))


async def delete_for_document(session: AsyncSession, document_id: UUID) -> None:
    await session.execute(delete(DocumentClass).where(DocumentClass.document_id == document_id))

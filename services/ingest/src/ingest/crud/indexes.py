from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import and_, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import GONE, Document, DocumentClass, DocumentIndex, VectorIndex

_FREE = or_(DocumentIndex.lease_id.is_(None), DocumentIndex.leased_until < func.clock_timestamp())


async def add_primary(session: AsyncSession, *, index_id: str, backend: str, model: str, dimension: int) -> None:
    """Unless there is one: an installation's first index."""
    row = {"index_id": index_id, "backend": backend, "model": model, "dimension": dimension}
    has_one = select(VectorIndex.index_id).where(VectorIndex.is_primary).exists()
    columns = [*row, "is_primary"]
    values = select(*(literal(value) for value in row.values()), literal(True)).where(~has_one)
    await session.execute(insert(VectorIndex).from_select(columns, values).on_conflict_do_nothing())


async def mark_untold_due(session: AsyncSession, index_id: str) -> int:
    """All that is searchable and that this index was never told of. Returns how many that are."""
    untold = select(Document.document_id, literal(index_id), func.now()).where(
        Document.live_revision.is_not(None), Document.state.not_in(GONE)
    )
    statement = insert(DocumentIndex).from_select(["document_id", "index_id", "due_at"], untold)
    marked = await session.execute(statement.on_conflict_do_nothing().returning(DocumentIndex.document_id))
    return len(marked.all())


async def list_all(session: AsyncSession) -> list[VectorIndex]:
    return list((await session.execute(select(VectorIndex).order_by(VectorIndex.index_id))).scalars())


async def mark_due(session: AsyncSession, document_id: UUID) -> None:
    """Every index that is written has yet to be told of this document. Call in the transaction that changes it."""
    written = select(literal(document_id), VectorIndex.index_id, func.now()).where(VectorIndex.is_written)
    statement = insert(DocumentIndex).from_select(["document_id", "index_id", "due_at"], written)
    due = {DocumentIndex.due_at: func.now(), DocumentIndex.attempts: 0}
    keys = [DocumentIndex.document_id, DocumentIndex.index_id]
    await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=due))


async def take_lease(session: AsyncSession, document_id: UUID, index_id: str, *, lasting: timedelta) -> UUID | None:
    """None: somebody else is at it."""
    lease_id = uuid4()
    statement = (
        update(DocumentIndex)
        .where(DocumentIndex.document_id == document_id, DocumentIndex.index_id == index_id, _FREE)
        .values(lease_id=lease_id, leased_until=func.clock_timestamp() + lasting)
        .returning(DocumentIndex.lease_id)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def get_leased(session: AsyncSession, document_id: UUID, index_id: str, lease_id: UUID) -> DocumentIndex | None:
    """Locked. None: the lease has gone to somebody else."""
    query = (
        select(DocumentIndex)
        .where(
            DocumentIndex.document_id == document_id,
            DocumentIndex.index_id == index_id,
            DocumentIndex.lease_id == lease_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def extend_lease(
    session: AsyncSession, document_id: UUID, index_id: str, lease_id: UUID, *, by: timedelta
) -> None:
    held = and_(
        DocumentIndex.document_id == document_id,
        DocumentIndex.index_id == index_id,
        DocumentIndex.lease_id == lease_id,
    )
    await session.execute(update(DocumentIndex).where(held).values(leased_until=func.clock_timestamp() + by))


async def list_due(session: AsyncSession, *, limit: int) -> list[tuple[UUID, str]]:
    """Which document which index has yet to be told of, those that wait longest first."""
    query = (
        select(DocumentIndex.document_id, DocumentIndex.index_id)
        .where(DocumentIndex.due_at <= func.now(), _FREE)
        .order_by(DocumentIndex.due_at)
        .limit(limit)
    )
    return [(row.document_id, row.index_id) for row in await session.execute(query)]


async def list_of_document(session: AsyncSession, document_id: UUID) -> list[str]:
    query = select(DocumentIndex.index_id).where(DocumentIndex.document_id == document_id)
    return list((await session.execute(query.order_by(DocumentIndex.index_id))).scalars())


async def list_due_of_class(session: AsyncSession, class_id: UUID) -> list[UUID]:
    """Documents of which an index has yet to be told, and that are, or were just now, open to this class."""
    query = (
        select(DocumentIndex.document_id)
        .join(DocumentClass, DocumentClass.document_id == DocumentIndex.document_id)
        .where(DocumentClass.class_id == class_id, DocumentIndex.due_at.is_not(None))
        .distinct()
    )
    return list((await session.execute(query)).scalars())


async def is_due(session: AsyncSession, document_id: UUID, index_id: str | None = None) -> bool:
    """Whether this index, or any, has yet to be told of the document."""
    due = [DocumentIndex.document_id == document_id, DocumentIndex.due_at.is_not(None)]
    if index_id is not None:
        due.append(DocumentIndex.index_id == index_id)
    return bool((await session.execute(select(exists().where(*due)))).scalar_one())


async def get_held_revision(session: AsyncSession, document_id: UUID, index_id: str) -> int | None:
    query = select(DocumentIndex.revision).where(
        DocumentIndex.document_id == document_id, DocumentIndex.index_id == index_id
    )
    return (await session.execute(query)).scalar_one_or_none()


async def update_held_revision(session: AsyncSession, document_id: UUID, index_id: str, revision: int | None) -> None:
    statement = update(DocumentIndex).where(
        DocumentIndex.document_id == document_id, DocumentIndex.index_id == index_id
    )
    await session.execute(statement.values(revision=revision))

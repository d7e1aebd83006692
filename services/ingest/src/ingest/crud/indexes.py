from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, exists, func, literal, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import GONE, Document, DocumentIndex, DocumentShare, VectorIndex

# What is due already is so since then.
_SINCE = func.coalesce(DocumentIndex.due_since, func.now())
_DUE: dict[Any, Any] = {DocumentIndex.due_at: func.now(), DocumentIndex.due_since: _SINCE, DocumentIndex.attempts: 0}
_MARKED = ["document_id", "index_id", "due_at", "due_since"]
_FREE = or_(DocumentIndex.lease_id.is_(None), DocumentIndex.leased_until < func.clock_timestamp())


async def add_primary(session: AsyncSession, *, index_id: str, backend: str, model: str, dimension: int) -> None:
    """Unless there is one: an installation's first index."""
    row = {"index_id": index_id, "backend": backend, "model": model, "dimension": dimension}
    has_one = select(VectorIndex.index_id).where(VectorIndex.is_primary).exists()
    columns = [*row, "is_primary", "is_made"]
    values = select(*(literal(value) for value in row.values()), literal(True), literal(True)).where(~has_one)
    await session.execute(insert(VectorIndex).from_select(columns, values).on_conflict_do_nothing())


async def mark_untold_due(session: AsyncSession, index_id: str) -> int:
    """All that is searchable and that this index was never told of. Returns how many that are."""
    untold = select(Document.document_id, literal(index_id), func.now(), func.now()).where(
        Document.live_revision.is_not(None), Document.state.not_in(GONE)
    )
    statement = insert(DocumentIndex).from_select(_MARKED, untold)
    marked = await session.execute(statement.on_conflict_do_nothing().returning(DocumentIndex.document_id))
    return len(marked.all())


async def get_primary(session: AsyncSession) -> VectorIndex | None:
    return (await session.execute(select(VectorIndex).where(VectorIndex.is_primary))).scalar_one_or_none()


async def list_all(session: AsyncSession) -> list[VectorIndex]:
    return list((await session.execute(select(VectorIndex).order_by(VectorIndex.index_id))).scalars())


async def mark_due(session: AsyncSession, document_id: UUID) -> None:
    """Every index that is written has yet to be told of this document. Call in the transaction that changes it."""
    await _mark_due_in(session, document_id, VectorIndex.is_written.expression)


async def _mark_due_in(session: AsyncSession, document_id: UUID, which: ColumnElement[bool]) -> None:
    written = select(literal(document_id), VectorIndex.index_id, func.now(), func.now()).where(which)
    statement = insert(DocumentIndex).from_select(_MARKED, written)
    keys = [DocumentIndex.document_id, DocumentIndex.index_id]
    await session.execute(statement.on_conflict_do_update(index_elements=keys, set_=_DUE))


async def mark_gone_due(session: AsyncSession, document_id: UUID) -> None:
    """The same of a document that goes: also an index that is written no more has to give it up, whatever is known of
    what it holds.
    """
    await _mark_due_in(session, document_id, or_(VectorIndex.is_written, VectorIndex.is_made))


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
    """Which document which index has yet to be told of, of each index so many that wait longest; of none that is
    paused.
    """
    own = (
        select(DocumentIndex.document_id)
        .where(DocumentIndex.index_id == VectorIndex.index_id, DocumentIndex.due_at <= func.now(), _FREE)
        .order_by(DocumentIndex.due_at)
        .limit(limit)
        .lateral()
    )
    query = select(own.c.document_id, VectorIndex.index_id).join(own, true()).where(~VectorIndex.is_paused)
    return [(row.document_id, row.index_id) for row in await session.execute(query)]


async def list_of_document(session: AsyncSession, document_id: UUID) -> list[VectorIndex]:
    """The indexes that may hold something of it, the primary one first."""
    query = (
        select(VectorIndex)
        .join(DocumentIndex, DocumentIndex.index_id == VectorIndex.index_id)
        .where(DocumentIndex.document_id == document_id)
        .order_by(VectorIndex.is_primary.desc(), VectorIndex.index_id)
    )
    return list((await session.execute(query)).scalars())


async def count_due(session: AsyncSession, index_id: str) -> int:
    query = select(func.count()).where(DocumentIndex.index_id == index_id, DocumentIndex.due_at.is_not(None))
    return (await session.execute(query.select_from(DocumentIndex))).scalar_one()


async def count_told(session: AsyncSession, index_id: str) -> int:
    """Documents that the index holds as they are."""
    query = select(func.count()).where(
        DocumentIndex.index_id == index_id, DocumentIndex.due_at.is_(None), DocumentIndex.revision.is_not(None)
    )
    return (await session.execute(query.select_from(DocumentIndex))).scalar_one()


async def list_errors(session: AsyncSession, index_id: str, *, limit: int) -> list[DocumentIndex]:
    query = select(DocumentIndex).where(DocumentIndex.index_id == index_id, DocumentIndex.error.is_not(None))
    return list((await session.execute(query.order_by(DocumentIndex.document_id).limit(limit))).scalars())


async def mark_batch_due(session: AsyncSession, index_id: str, *, after: UUID | None, limit: int) -> UUID | None:
    """Mark the next searchable documents after `after` that the index was not told of. The last one looked at."""
    searchable = (Document.live_revision.is_not(None), Document.state.not_in(GONE))
    batch = select(Document.document_id).where(*searchable)
    if after is not None:
        batch = batch.where(Document.document_id > after)
    ids = list((await session.execute(batch.order_by(Document.document_id).limit(limit))).scalars())
    if not ids:
        return None
    rows = [{"document_id": each, "index_id": index_id, "due_at": func.now(), "due_since": func.now()} for each in ids]
    statement = (
        insert(DocumentIndex)
        .values(rows)
        .on_conflict_do_update(
            index_elements=["document_id", "index_id"],
            set_={"due_at": func.now(), "due_since": func.now()},
            # What is due or told already stays as it is.
            where=and_(DocumentIndex.due_at.is_(None), DocumentIndex.revision.is_(None)),
        )
    )
    await session.execute(statement)
    return ids[-1]


async def mark_document_due(session: AsyncSession, document_id: UUID, index_id: str, *, forget: bool) -> None:
    """Tell this one index again; with `forget`, as if it held nothing of the document. Not one that was dropped."""
    values = _DUE | ({DocumentIndex.revision: None} if forget else {})
    row = select(literal(document_id), VectorIndex.index_id, func.now(), func.now()).where(
        VectorIndex.index_id == index_id, or_(VectorIndex.is_written, VectorIndex.is_made)
    )
    statement = insert(DocumentIndex).from_select(_MARKED, row)
    await session.execute(statement.on_conflict_do_update(index_elements=["document_id", "index_id"], set_=values))


async def list_due_of_target(session: AsyncSession, target_id: UUID) -> list[UUID]:
    """Documents of which an index has yet to be told, and that are, or were just now, open to this class."""
    query = (
        select(DocumentIndex.document_id)
        .join(DocumentShare, DocumentShare.document_id == DocumentIndex.document_id)
        .where(DocumentShare.target_id == target_id, DocumentIndex.due_at.is_not(None))
        .distinct()
    )
    return list((await session.execute(query)).scalars())


async def is_due(session: AsyncSession, document_id: UUID, index_id: str | None = None) -> bool:
    """Whether this index, or any, has yet to be told of the document."""
    due = [DocumentIndex.document_id == document_id, DocumentIndex.due_at.is_not(None)]
    if index_id is not None:
        due.append(DocumentIndex.index_id == index_id)
    return bool((await session.execute(select(exists().where(*due)))).scalar_one())


async def list_due_among(session: AsyncSession, index_id: str, document_ids: Collection[UUID]) -> list[UUID]:
    query = select(DocumentIndex.document_id).where(
        DocumentIndex.index_id == index_id,
        DocumentIndex.document_id.in_(document_ids),
        DocumentIndex.due_at.is_not(None),
    )
    return list((await session.execute(query)).scalars())


async def is_due_where_read(session: AsyncSession, document_id: UUID) -> bool:
    """Whether an index that searches read has yet to be told."""
    query = select(
        exists().where(
            DocumentIndex.document_id == document_id,
            DocumentIndex.due_at.is_not(None),
            VectorIndex.index_id == DocumentIndex.index_id,
            or_(VectorIndex.is_primary, VectorIndex.is_read),
        )
    )
    return bool((await session.execute(query)).scalar_one())


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


async def add(session: AsyncSession, *, index_id: str, backend: str, model: str, dimension: int) -> VectorIndex:
    """Written by nobody yet. One that is known already stays as it is."""
    row = {"index_id": index_id, "backend": backend, "model": model, "dimension": dimension, "is_written": False}
    await session.execute(insert(VectorIndex).values(**row).on_conflict_do_nothing())
    return await get_for_update(session, index_id)


async def get_for_update(session: AsyncSession, index_id: str) -> VectorIndex:
    query = select(VectorIndex).where(VectorIndex.index_id == index_id).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one()


async def forget_all(session: AsyncSession, index_id: str) -> None:
    """Of what it was told, perhaps in an earlier life, it holds nothing any more; nothing is due there, and nobody is
    at it.
    """
    own = DocumentIndex.index_id == index_id
    nothing = {"due_at": None, "due_since": None, "revision": None, "version": 0, "attempts": 0, "error": None}
    await session.execute(update(DocumentIndex).where(own).values(**nothing, lease_id=None, leased_until=None))


async def oldest_due_seconds(session: AsyncSession, index_id: str) -> float:
    """How long ago the first change was that it has yet to be told of, whenever it is tried next; 0 when none is."""
    waited = func.extract("epoch", func.clock_timestamp() - func.min(DocumentIndex.due_since))
    query = select(func.coalesce(waited, 0)).where(
        DocumentIndex.index_id == index_id, DocumentIndex.due_at.is_not(None)
    )
    return max(float((await session.execute(query)).scalar_one()), 0.0)


async def count_failing(session: AsyncSession, index_id: str) -> int:
    """Documents of which the index was told in vain."""
    failing = (DocumentIndex.index_id == index_id, DocumentIndex.due_at.is_not(None), DocumentIndex.error.is_not(None))
    return (await session.execute(select(func.count()).select_from(DocumentIndex).where(*failing))).scalar_one()


async def count_never_told(session: AsyncSession, index_id: str) -> int:
    """Of those that are marked; what the backfill has not come to is not among them."""
    never = (DocumentIndex.index_id == index_id, DocumentIndex.due_at.is_not(None), DocumentIndex.revision.is_(None))
    return (await session.execute(select(func.count()).select_from(DocumentIndex).where(*never))).scalar_one()

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class VectorIndex(Base):
    """One index: a backend, an embedding model and its dimension; `index_id` names all three.

    `is_primary`: a document is ready when it is whole in there. `is_written`: every change of a document reaches it.
    `is_read`: searches read it, so that changes reach it at once and not within seconds. `is_paused`: changes wait.
    `is_made`: it may hold something, so whatever is deleted is deleted there too.
    """

    __tablename__ = "vector_indexes"
    __table_args__ = (
        Index("uq_vector_indexes_is_primary", "is_primary", unique=True, postgresql_where=text("is_primary")),
        {"schema": SCHEMA},
    )

    index_id: Mapped[str] = mapped_column(Text, primary_key=True)
    backend: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    dimension: Mapped[int]
    is_written: Mapped[bool] = mapped_column(server_default=text("true"))
    is_primary: Mapped[bool] = mapped_column(server_default=text("false"))
    is_read: Mapped[bool] = mapped_column(server_default=text("false"))
    is_paused: Mapped[bool] = mapped_column(server_default=text("false"))
    is_made: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class DocumentIndex(Base):
    """What one index is known to hold of one document, and whether it has yet to be told of something.

    `version`, `revision`: the document's when it was last told; 0 and none before. `due_at`: to be told from then on;
    a failure puts it off. `due_since`: the first change that it has yet to be told of; a later one leaves it.
    `lease_id`, `leased_until`: who is telling it now; two at once could undo each other.
    """

    __tablename__ = "document_indexes"
    __table_args__ = (
        Index("ix_document_indexes_due_at", "index_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        {"schema": SCHEMA},
    )

    document_id: Mapped[UUID] = mapped_column(ForeignKey("user.documents.document_id"), primary_key=True)
    index_id: Mapped[str] = mapped_column(ForeignKey(f"{SCHEMA}.vector_indexes.index_id"), primary_key=True)
    version: Mapped[int] = mapped_column(server_default="0")
    revision: Mapped[int | None]
    due_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    due_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None] = mapped_column(Text)
    lease_id: Mapped[UUID | None]
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

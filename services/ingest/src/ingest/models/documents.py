from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import Base


class State(StrEnum):
    UPLOADED = "uploaded"
    VALIDATING = "validating"
    PARSING = "parsing"
    CHUNKING = "chunking"
    EMBEDDING = "embedding"
    READY = "ready"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETING = "deleting"
    DELETED = "deleted"


WORKING = (State.UPLOADED, State.VALIDATING, State.PARSING, State.CHUNKING, State.EMBEDDING)
ENDED_BADLY = (State.REJECTED, State.FAILED, State.CANCELLED)
GONE = (State.DELETING, State.DELETED)
# As SQL, and a number, because PostgreSQL makes another condition of a negated comparison, which no index fits.
IS_LARGE = "(size_bytes > 1048576)::integer"
_WAITING = "state IN ('uploaded','validating','parsing','chunking','embedding')"
# As SQL: the documents whose file may not be uploaded a second time.
LIVING = "state NOT IN ('rejected','failed','cancelled','deleting','deleted')"


class Document(Base):
    """A document and where it stands. A deleted one keeps its row as the receipt, without name and fingerprint.

    `revision` counts its contents: another file, or the same one cut anew. While a newer one is worked on, search goes
    on with `live_revision`, and `live` keeps what the columns said of it, for the case that the newer one fails.
    """

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(state.value) for state in State)})", name="state"),
        Index("ix_documents_owner_id_created_at", "owner_id", text("created_at DESC")),
        # The same file of one owner in one place is one document while it lives.
        Index("uq_documents_dedupe_key", "dedupe_key", unique=True, postgresql_where=text(LIVING)),
        Index(
            "ix_documents_waiting",
            "owner_id",
            text(f"({IS_LARGE})"),
            text("(waits_until IS NULL)"),
            "queued_at",
            postgresql_where=text(_WAITING),
        ),
        # What was put off may be all that waits; the one that has waited longest is found without the others.
        Index(
            "ix_documents_put_off",
            "owner_id",
            text(f"({IS_LARGE})"),
            "waits_until",
            postgresql_where=text(f"{_WAITING} AND waits_until IS NOT NULL"),
        ),
        Index("ix_documents_deleting", "updated_at", postgresql_where=text("state = 'deleting'")),
        {"schema": "user"},
    )

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    # Of all that an index shows of it: its content, and who may find it. Every change has a version of its own.
    version: Mapped[int] = mapped_column(server_default="1")
    revision: Mapped[int] = mapped_column(server_default="1")
    live_revision: Mapped[int | None]
    live: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    owner_id: Mapped[UUID]
    org_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    class_id: Mapped[UUID | None] = mapped_column(index=True)
    # Who may find it: the owner, and the classes that it is open to. No index ever shows it to anybody else.
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    title: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Text)
    dedupe_key: Mapped[str | None] = mapped_column(Text)
    storage_key: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=State.UPLOADED.value)
    reason: Mapped[str | None] = mapped_column(Text)
    reason_values: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    # Why the last newer content did not come about; the one before it stayed.
    refused: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    # How it was cut and embedded: strategy, sizes, model.
    recipe: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    page_count: Mapped[int | None]
    pages_read: Mapped[int] = mapped_column(server_default="0")
    chunk_count: Mapped[int | None]
    chunks_embedded: Mapped[int] = mapped_column(server_default="0")
    # Who works on it now, and until when that is believed without a sign of life. Every write of a worker names its
    # claim, so a slow one that was replaced changes nothing.
    claim_id: Mapped[UUID | None]
    claimed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(server_default="0")
    queued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # Put off because something that it needs is away: which, since when, and until when.
    waits_for: Mapped[str | None] = mapped_column(Text)
    waits_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    waits_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Tokens that usage events tell of already; the chunks' sum beyond it is still to be told.
    tokens_billed: Mapped[int] = mapped_column(server_default="0")
    receipt: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

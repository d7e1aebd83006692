from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, Text, func, text
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
GONE = (State.DELETING, State.DELETED)


class Document(Base):
    """A document and where it stands. A deleted one keeps its row as the receipt, without name and fingerprint."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(state.value) for state in State)})", name="state"),
        Index("ix_documents_owner_id_created_at", "owner_id", text("created_at DESC")),
        # The same file of one owner in one place is one document while it lives.
        Index("uq_documents_dedupe_key", "dedupe_key", unique=True),
        Index(
            "ix_documents_unfinished",
            "updated_at",
            postgresql_where=text("state IN ('uploaded','validating','parsing','chunking','embedding','deleting')"),
        ),
        Index(
            "ix_documents_behind", "document_id", postgresql_where=text("state = 'ready' AND indexed_version < version")
        ),
        {"schema": "user"},
    )

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(server_default="1")
    owner_id: Mapped[UUID]
    org_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    class_id: Mapped[UUID | None] = mapped_column(index=True)
    # Who may find it: the owner, and the classes that it is open to. No index ever shows it to anybody else.
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    # The version whose scopes the index is known to hold; while it is behind, the index has yet to be told.
    indexed_version: Mapped[int] = mapped_column(server_default="1")
    title: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Text)
    dedupe_key: Mapped[str | None] = mapped_column(Text)
    storage_key: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=State.UPLOADED.value)
    reason: Mapped[str | None] = mapped_column(Text)
    reason_values: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    page_count: Mapped[int | None]
    chunk_count: Mapped[int | None]
    chunks_embedded: Mapped[int] = mapped_column(server_default="0")
    # Who works on it now. Every write of a worker names its claim, so a slow one that was replaced changes nothing.
    claim_id: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    # Tokens that usage events tell of already; the chunks' sum beyond it is still to be told.
    tokens_billed: Mapped[int] = mapped_column(server_default="0")
    receipt: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Chunk(Base):
    """The source of every vector index. `embedding`: little-endian float32, kept so that work is never repeated."""

    __tablename__ = "chunks"
    __table_args__ = ({"schema": "user"},)

    document_id: Mapped[UUID] = mapped_column(ForeignKey("user.documents.document_id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    chunk_id: Mapped[UUID] = mapped_column(unique=True)
    page_from: Mapped[int]
    page_to: Mapped[int]
    char_start: Mapped[int]
    char_end: Mapped[int]
    # The headings that it stands under, and what is embedded before its text: see `ingest.service.chunking`.
    headings: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    context: Mapped[str] = mapped_column(Text, server_default="")
    text: Mapped[str] = mapped_column(Text)
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary)
    # What the provider billed for it; 0 until it is embedded.
    tokens: Mapped[int] = mapped_column(server_default="0")

    @property
    def said(self) -> str:
        """What is embedded, and searched for words."""
        return f"{self.context}\n{self.text}" if self.context else self.text

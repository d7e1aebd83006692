from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import Base


class Chunk(Base):
    """The source of every vector index. `terms`: what its words are found by, once it is analysed."""

    __tablename__ = "chunks"
    __table_args__ = ({"schema": "user"},)

    document_id: Mapped[UUID] = mapped_column(ForeignKey("user.documents.document_id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
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
    terms: Mapped[list[str] | None] = mapped_column(ARRAY(Text))

    @property
    def said(self) -> str:
        """What is embedded, and searched for words."""
        return f"{self.context}\n{self.text}" if self.context else self.text


class ChunkEmbedding(Base):
    """One chunk as one model sees it, kept so that work is never repeated. `embedding`: little-endian float32.

    `content_key` is a hash of the text and of whose it is: the same text of one tenant is embedded once.
    `tokens`: what the provider billed for it; 0 where another chunk's embedding was taken over.
    """

    __tablename__ = "chunk_embeddings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["document_id", "revision", "ordinal"],
            ["user.chunks.document_id", "user.chunks.revision", "user.chunks.ordinal"],
            ondelete="CASCADE",
        ),
        Index("ix_chunk_embeddings_content_key", "content_key", "model"),
        {"schema": "user"},
    )

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    content_key: Mapped[bytes] = mapped_column(LargeBinary)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    tokens: Mapped[int]

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base
from ingest.models.documents import Document

# What an org has stored is summed at each of its uploads when it has a quota.
Index("ix_documents_org_id", Document.org_id)


class UploadState(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


class Upload(Base):
    """A file that comes in several requests. When it is whole it becomes the document of the same id.

    `parts`: the keys of what is stored, in order. The row outlives its end until `expires_at`, so that whatever is
    still being written for it then is found and deleted with it.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(state.value) for state in UploadState)})", name="state"),
        Index(None, "owner_id"),
        Index(None, "expires_at"),
        {"schema": SCHEMA},
    )

    upload_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    class_id: Mapped[UUID | None]
    is_shared: Mapped[bool]
    allow_duplicate: Mapped[bool]
    file_name: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    # What the client says it must be; None: it did not.
    sha256: Mapped[str | None] = mapped_column(Text)
    received_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    parts: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    state: Mapped[str] = mapped_column(Text, server_default=UploadState.OPEN.value)
    # Why it cannot be a document: `code`, `status` and `values` of the problem.
    refusal: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    # Until then one request makes the document of it, and no other may.
    completing_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class ErasedUser(Base):
    """Whose personal data goes, or is gone. What is told or sent of them later must not bring any of it back.

    `document_ids`: what there was to delete when it began; `erased`: rows by table that went then and there.
    """

    __tablename__ = "erased_users"
    __table_args__ = {"schema": SCHEMA}  # noqa: RUF012  SQLAlchemy's

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    erased: Mapped[dict[str, Any]] = mapped_column(JSONB)
    begun_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    reported_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

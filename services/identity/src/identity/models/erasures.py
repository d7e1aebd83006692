from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class Erasure(Base):
    """What one service erased of an anonymised user. It may report more than once."""

    __tablename__ = "erasures"
    __table_args__ = ({"schema": SCHEMA},)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"), primary_key=True)
    service: Mapped[str] = mapped_column(Text, primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    # Rows by table.
    erased: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # Rows of personal data that are left.
    remaining: Mapped[int]

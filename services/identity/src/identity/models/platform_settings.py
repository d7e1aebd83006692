from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import Base


class PlatformSetting(Base):
    """A setting's value as somebody set it. One that nobody set has no row, and its default holds."""

    __tablename__ = "platform_setting"
    __table_args__ = ({"schema": "supervisor"},)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    setting_id: Mapped[UUID] = mapped_column(unique=True)
    value: Mapped[Any] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(server_default="1")
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

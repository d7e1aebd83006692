from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import Base

# Without a value there is SQL's NULL and not JSON's, so that a query can ask for it.
_VALUE = JSONB(none_as_null=True)


class PlatformSetting(Base):
    """A setting as somebody set it. The default holds where there is no row, or one without a value."""

    __tablename__ = "platform_setting"
    __table_args__ = ({"schema": "supervisor"},)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    setting_id: Mapped[UUID] = mapped_column(unique=True)
    value: Mapped[Any] = mapped_column(_VALUE, nullable=True)
    version: Mapped[int] = mapped_column(server_default="1")
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class PlatformSettingChange(Base):
    """One step of a setting's history. No value: the default held."""

    __tablename__ = "platform_setting_changes"
    __table_args__ = (UniqueConstraint("name", "version"), {"schema": "supervisor"})

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    # The setting's version that this made.
    version: Mapped[int]
    old_value: Mapped[Any] = mapped_column(_VALUE, nullable=True)
    new_value: Mapped[Any] = mapped_column(_VALUE, nullable=True)
    changed_by: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    ip: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)

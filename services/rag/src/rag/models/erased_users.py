from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, func
from sqlalchemy.orm import Mapped, mapped_column

from rag.models.base import SCHEMA, Base


class ErasedUser(Base):
    """Whose personal data is gone. What is told or asked of them later must not bring any of it back."""

    __tablename__ = "erased_users"
    __table_args__ = {"schema": SCHEMA}  # noqa: RUF012  SQLAlchemy's

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

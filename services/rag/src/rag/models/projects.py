from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, Text, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from rag.models.base import Base


class Project(Base):
    """A person's own folder: their documents, which ingest keeps, and their conversations about these."""

    __tablename__ = "projects"
    __table_args__ = (
        Index("ix_projects_owner_id_created_at", "owner_id", sql("created_at DESC")),
        {"schema": "user"},
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

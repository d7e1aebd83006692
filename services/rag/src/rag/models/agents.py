from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, Text, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from rag.models.base import Base


class Agent(Base):
    """An assistant of somebody's making: its documents, which ingest keeps, and how it shall answer.

    With a class, everybody in it may talk with the agent, and org and partner are the class's.
    """

    __tablename__ = "agents"
    __table_args__ = (
        Index("ix_agents_owner_id_created_at", "owner_id", sql("created_at DESC")),
        Index("ix_agents_class_id", "class_id"),
        {"schema": "user"},
    )

    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    org_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    class_id: Mapped[UUID | None]
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    instructions: Mapped[str] = mapped_column(Text, server_default="")
    # Of what others are told: its place, and its end.
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

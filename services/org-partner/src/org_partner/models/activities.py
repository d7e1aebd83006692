from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class Activity(Base):
    """Who did what in an org, its partners and classes: what those who run them read. Append-only."""

    __tablename__ = "activities"
    __table_args__ = (
        Index(None, "org_id", "occurred_at", "activity_id"),
        Index(None, "partner_id", "occurred_at", "activity_id"),
        Index(None, "class_id", "occurred_at", "activity_id"),
        {"schema": DOMAIN},
    )

    activity_id: Mapped[UUID] = mapped_column(primary_key=True)
    # No foreign keys: what happened stays told, whatever becomes of the place.
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID | None]
    class_id: Mapped[UUID | None]
    # Absent: the platform itself.
    actor_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

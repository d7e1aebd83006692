from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import SCHEMA, Base


class RefusedRedemption(Base):
    """One wrong try of a user; the last hour's are counted against guessing, older ones are dropped."""

    __tablename__ = "refused_redemptions"
    __table_args__ = (Index(None, "user_id", "refused_at"), {"schema": SCHEMA})

    refusal_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    refused_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

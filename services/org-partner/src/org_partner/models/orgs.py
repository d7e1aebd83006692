from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class Org(Base):
    __tablename__ = "orgs"
    __table_args__ = (Index(None, "created_at", "org_id"), {"schema": DOMAIN})

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    # Counted up with every change that an event tells of, so that readers can tell old from new.
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

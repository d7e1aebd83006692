from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class Org(Base):
    __tablename__ = "orgs"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'suspended', 'closed')", name="status"),
        Index(None, "created_at", "org_id"),
        {"schema": DOMAIN},
    )

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    # Holds for all that is below it as well.
    status: Mapped[str] = mapped_column(Text, server_default="active")
    status_reason: Mapped[str | None] = mapped_column(Text)
    # On: a role is given to addresses of the org's domains alone.
    members_only_from_domains: Mapped[bool] = mapped_column(server_default=text("false"))
    # Counted up with every change that an event tells of, so that readers can tell old from new.
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

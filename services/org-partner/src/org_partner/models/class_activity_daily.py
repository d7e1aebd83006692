from datetime import date, datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class ClassActivityDaily(Base):
    """What one person did in one class on one day of Asia/Seoul, counted from other services' facts. A read model."""

    __tablename__ = "class_activity_daily"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "partner_id", "class_id"],
            [f"{DOMAIN}.classes.org_id", f"{DOMAIN}.classes.partner_id", f"{DOMAIN}.classes.class_id"],
        ),
        Index(None, "partner_id", "day"),
        Index(None, "org_id", "day"),
        {"schema": DOMAIN},
    )

    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    # All answers, those that failed or were cancelled included.
    questions: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    cancelled: Mapped[int] = mapped_column(server_default="0")
    uploads: Mapped[int] = mapped_column(server_default="0")
    last_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

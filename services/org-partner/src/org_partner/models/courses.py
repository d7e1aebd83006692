from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class Course(Base):
    """What an org teaches; its partners open classes of it. An archived one takes no new class."""

    __tablename__ = "courses"
    __table_args__ = (UniqueConstraint("org_id", "course_id"), {"schema": DOMAIN})

    course_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(f"{DOMAIN}.orgs.org_id"))
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, server_default="")
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    archived_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class Class(Base):
    __tablename__ = "classes"
    __table_args__ = (
        # Composite, because a plain one would take another org's course or partner.
        ForeignKeyConstraint(["org_id", "partner_id"], [f"{DOMAIN}.partners.org_id", f"{DOMAIN}.partners.partner_id"]),
        ForeignKeyConstraint(["org_id", "course_id"], [f"{DOMAIN}.courses.org_id", f"{DOMAIN}.courses.course_id"]),
        UniqueConstraint("org_id", "partner_id", "class_id"),
        {"schema": DOMAIN},
    )

    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    course_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(server_default="1")
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

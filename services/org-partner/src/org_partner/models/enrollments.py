from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class Enrollment(Base):
    __tablename__ = "enrollments"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "student_id"], [f"{DOMAIN}.students.org_id", f"{DOMAIN}.students.student_id"]),
        ForeignKeyConstraint(
            ["org_id", "partner_id", "class_id"],
            [f"{DOMAIN}.classes.org_id", f"{DOMAIN}.classes.partner_id", f"{DOMAIN}.classes.class_id"],
        ),
        UniqueConstraint("student_id", "class_id"),
        CheckConstraint("status IN ('active', 'ended')", name="status"),
        Index(None, "class_id", "enrolled_at", "enrollment_id"),
        {"schema": DOMAIN},
    )

    enrollment_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    class_id: Mapped[UUID]
    student_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(Text, server_default="active")
    version: Mapped[int] = mapped_column(server_default="1")
    enrolled_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

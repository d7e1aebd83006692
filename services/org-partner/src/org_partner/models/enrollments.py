from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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
        UniqueConstraint("org_id", "enrollment_id"),
        CheckConstraint("status IN ('active', 'paused', 'ended')", name="status"),
        Index(None, "class_id", "enrolled_at", "enrollment_id"),
        Index(None, "partner_id", "enrolled_at", "enrollment_id"),
        {"schema": DOMAIN},
    )

    enrollment_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    class_id: Mapped[UUID]
    student_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(Text, server_default="active")
    # Who leaves by themselves may come back by a code; whom the staff ended may not.
    ended_by: Mapped[UUID | None]
    # What the class gave its students at the time. What holds now is the class's own.
    assigned_models: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    assigned_budget: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    assigned_material_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'::uuid[]"))
    version: Mapped[int] = mapped_column(server_default="1")
    enrolled_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

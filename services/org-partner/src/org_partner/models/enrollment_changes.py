from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class EnrollmentChange(Base):
    """What happened to an enrolment, one row for each of its versions. Append-only."""

    __tablename__ = "enrollment_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "enrollment_id"], [f"{DOMAIN}.enrollments.org_id", f"{DOMAIN}.enrollments.enrollment_id"]
        ),
        UniqueConstraint("enrollment_id", "version"),
        {"schema": DOMAIN},
    )

    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    enrollment_id: Mapped[UUID]
    version: Mapped[int]
    action: Mapped[str] = mapped_column(Text)
    # What the enrolment is since then.
    status: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[UUID]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

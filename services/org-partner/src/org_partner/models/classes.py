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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class Class(Base):
    """One run of a course. `status` is what its people decided, `state` also knows that it has not begun yet."""

    __tablename__ = "classes"
    __table_args__ = (
        # Composite, because a plain one would take another org's course or partner.
        ForeignKeyConstraint(["org_id", "partner_id"], [f"{DOMAIN}.partners.org_id", f"{DOMAIN}.partners.partner_id"]),
        ForeignKeyConstraint(["org_id", "course_id"], [f"{DOMAIN}.courses.org_id", f"{DOMAIN}.courses.course_id"]),
        UniqueConstraint("org_id", "partner_id", "class_id"),
        CheckConstraint("status IN ('draft', 'open', 'closed')", name="status"),
        CheckConstraint("status <> 'draft' OR opened_at IS NULL", name="draft_is_not_opened"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
        CheckConstraint("opens_at < closes_at", name="period"),
        CheckConstraint("capacity >= 1", name="capacity"),
        Index(None, "partner_id", "created_at", "class_id"),
        # What the calendar asks for every few seconds.
        Index("ix_classes_due_to_open", "opens_at", postgresql_where=text("status = 'open' AND opened_at IS NULL")),
        Index("ix_classes_due_to_close", "closes_at", postgresql_where=text("status = 'open'")),
        {"schema": DOMAIN},
    )

    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    course_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="open")
    # The period that was planned. Either end may be open.
    opens_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    closes_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # What became of it.
    opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), server_default=func.now())
    closed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Seats for students whose enrolment has not ended; absent: as many as come.
    capacity: Mapped[int | None]
    # Empty: all that the partner may use.
    allowed_models: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    # `contracts.org_partner.Budget`, of all students together and of each.
    class_budget: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    student_budget: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    version: Mapped[int] = mapped_column(server_default="1")
    # Counted apart, because what students may use changes without the class opening or closing.
    config_version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    @property
    def state(self) -> str:
        return "scheduled" if self.status == "open" and self.opened_at is None else self.status

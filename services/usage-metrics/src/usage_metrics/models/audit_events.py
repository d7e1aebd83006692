from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, PrimaryKeyConstraint, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from usage_metrics.models.base import LOG_SCHEMA, Base


class AuditEvent(Base):
    """One entry of the audit log: an act or a security event of any service, never changed and never removed.

    It names people by their ids alone. From where they came is in `AuditOrigin`, because that must be erasable.
    Partitioned by month and kept once as the ledger is (`UsageEvent`): `occurred_at` is the same in every delivery.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        PrimaryKeyConstraint("occurred_at", "audit_id"),
        Index(None, "org_id", "occurred_at", "audit_id"),
        Index(None, "partner_id", "occurred_at", "audit_id"),
        Index(None, "class_id", "occurred_at", "audit_id"),
        Index(None, "actor_id", "occurred_at", "audit_id"),
        Index(None, "target", "occurred_at", "audit_id"),
        {"schema": LOG_SCHEMA, "postgresql_partition_by": "RANGE (occurred_at)"},
    )

    audit_id: Mapped[UUID]
    # Which service told; NATS lets each publish its own entries alone.
    publisher: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    # No foreign keys, as in the ledger.
    actor_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    target: Mapped[str | None] = mapped_column(Text)
    org_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    class_id: Mapped[UUID | None]
    request_id: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

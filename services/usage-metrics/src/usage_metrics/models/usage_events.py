from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, PrimaryKeyConstraint, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from usage_metrics.models.base import LEDGER_SCHEMA, Base


class UsageEvent(Base):
    """One line of the ledger: one model call, never changed and never removed.

    Partitioned by month of `occurred_at` in Asia/Seoul, so that a settlement month is one partition. PostgreSQL
    checks uniqueness inside a partition only, so both keys hold `occurred_at`. That is enough: it is a fact of the
    event and the same in every delivery, a repeated delivery meets the inbox first, and these keys stop what
    comes after the inbox has forgotten (9 days) or under a second event id.
    """

    __tablename__ = "usage_events"
    __table_args__ = (
        # occurred_at first: the key is also the order in which the ledger is read.
        PrimaryKeyConstraint("occurred_at", "event_id"),
        UniqueConstraint("usage_id", "occurred_at"),
        Index(None, "org_id", "occurred_at", "event_id"),
        Index(None, "partner_id", "occurred_at", "event_id"),
        Index(None, "class_id", "occurred_at", "event_id"),
        Index(None, "user_id", "occurred_at", "event_id"),
        {"schema": LEDGER_SCHEMA, "postgresql_partition_by": "RANGE (occurred_at)"},
    )

    event_id: Mapped[UUID]
    usage_id: Mapped[UUID]
    # No foreign keys: a call is booked also when it overtakes the news of its class.
    org_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    class_id: Mapped[UUID | None]
    user_id: Mapped[UUID]
    operation: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated: Mapped[bool]
    outcome: Mapped[str] = mapped_column(Text)
    reference: Mapped[str] = mapped_column(Text)
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    first_token_ms: Mapped[int | None] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Date, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from usage_metrics.models.base import LEDGER_SCHEMA, Base

# What a line of the read model is about, and what it adds up.
KEYS = ("day", "org_id", "partner_id", "class_id", "user_id", "operation", "model")
SUMS = ("calls", "input_tokens", "output_tokens", "cancelled", "failed", "estimated_calls")


class UsageDaily(Base):
    """The ledger added up by day in Asia/Seoul, written in the transaction that writes the ledger."""

    __tablename__ = "usage_daily"
    __table_args__ = (
        # Personal usage has no org, and NULLs must meet here: otherwise each call of it would be a line of its own.
        UniqueConstraint(*KEYS, name="uq_usage_daily_keys", postgresql_nulls_not_distinct=True),
        Index(None, "org_id", "day"),
        Index(None, "partner_id", "day"),
        Index(None, "class_id", "day"),
        Index(None, "user_id", "day"),
        # Lines are counted up in place; the free space keeps those updates out of the indexes.
        {"schema": LEDGER_SCHEMA, "postgresql_with": {"fillfactor": 70}},
    )

    day: Mapped[date] = mapped_column(Date)
    org_id: Mapped[UUID | None] = mapped_column()
    partner_id: Mapped[UUID | None] = mapped_column()
    class_id: Mapped[UUID | None] = mapped_column()
    user_id: Mapped[UUID] = mapped_column()
    operation: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    calls: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cancelled: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)
    estimated_calls: Mapped[int] = mapped_column(BigInteger)

    __mapper_args__ = {"primary_key": [day, org_id, partner_id, class_id, user_id, operation, model]}  # noqa: RUF012

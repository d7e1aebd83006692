from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    case,
    exists,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from org_partner.models.base import DOMAIN, Base

TERMS_FIT_KIND = (
    "CASE kind WHEN 'share' THEN share_bps IS NOT NULL AND share_bps BETWEEN 0 AND 10000 AND fixed_fee IS NULL "
    "WHEN 'fixed_fee' THEN fixed_fee IS NOT NULL AND fixed_fee >= 0 AND share_bps IS NULL AND tiers = '[]'::jsonb "
    "ELSE false END"
)


class SettlementPolicy(Base):
    """How an org settles with its partners from a day on, until the next policy's. Amounts are minor units.

    Nothing of it ever changes but that it can be withdrawn before its day: the role may write those two columns alone.
    """

    __tablename__ = "settlement_policies"
    __table_args__ = (
        UniqueConstraint("org_id", "version"),
        # One for each day, of those that hold.
        Index(
            "uq_settlement_policies_org_id_effective_from",
            "org_id",
            "effective_from",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        Index(None, "org_id", "adopted_at", "policy_id"),
        CheckConstraint(TERMS_FIT_KIND, name="terms_fit_kind"),
        CheckConstraint("minimum_amount >= 0", name="minimum_amount"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("rounding IN ('down', 'half_up', 'half_even')", name="rounding"),
        CheckConstraint("adopted_at < effective_from", name="not_in_the_past"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn"),
        CheckConstraint("withdrawn_at < effective_from", name="withdrawn_in_time"),
        {"schema": DOMAIN},
    )

    policy_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(f"{DOMAIN}.orgs.org_id"))
    # Counted within the org.
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(Text)
    share_bps: Mapped[int | None]
    fixed_fee: Mapped[int | None] = mapped_column(BigInteger)
    # [{"from_amount": …, "share_bps": …}], ascending.
    tiers: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    minimum_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Text)
    rounding: Mapped[str] = mapped_column(Text)
    # Midnight in Asia/Seoul.
    effective_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    adopted_by: Mapped[UUID]
    adopted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    withdrawn_by: Mapped[UUID | None]

    if TYPE_CHECKING:
        # Set below, because it looks at the whole table. By the database's clock, like the decisions.
        state: Mapped[str]


_later = SettlementPolicy.__table__.alias()

SettlementPolicy.state = column_property(
    case(
        (SettlementPolicy.withdrawn_at.is_not(None), "withdrawn"),
        (SettlementPolicy.effective_from > func.now(), "upcoming"),
        (
            exists()
            .where(_later.c.org_id == SettlementPolicy.org_id, _later.c.withdrawn_at.is_(None))
            .where(_later.c.effective_from > SettlementPolicy.effective_from, _later.c.effective_from <= func.now()),
            "past",
        ),
        else_="effective",
    )
)

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    case,
    func,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from org_partner.models.base import DOMAIN, Base


class InviteCode(Base):
    """Only the SHA-256 of a code is kept; whoever lost it issues another one."""

    __tablename__ = "invite_codes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "partner_id", "class_id"],
            [f"{DOMAIN}.classes.org_id", f"{DOMAIN}.classes.partner_id", f"{DOMAIN}.classes.class_id"],
        ),
        CheckConstraint("used_count BETWEEN 0 AND max_uses", name="used_count"),
        Index(None, "class_id", "created_at"),
        {"schema": DOMAIN},
    )

    invite_code_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    class_id: Mapped[UUID]
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    max_uses: Mapped[int] = mapped_column()
    used_count: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    # By the database's clock, like the decision itself.
    state: Mapped[str] = column_property(
        case(
            (revoked_at.is_not(None), "revoked"),
            (used_count >= max_uses, "used_up"),
            (expires_at <= func.now(), "expired"),
            else_="active",
        )
    )

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    case,
    func,
    text,
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
        Index(
            "ix_invite_codes_recipient_hash",
            "class_id",
            "recipient_hash",
            postgresql_where=text("recipient_hash IS NOT NULL"),
        ),
        {"schema": DOMAIN},
    )

    invite_code_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    class_id: Mapped[UUID]
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    label: Mapped[str] = mapped_column(Text, server_default="")
    note: Mapped[str] = mapped_column(Text, server_default="")
    # SHA-256 of the address that a personal code was sent to, so that nobody is sent a second one.
    recipient_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
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

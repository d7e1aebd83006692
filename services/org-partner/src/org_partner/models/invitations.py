from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
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
from org_partner.models.memberships import ROLE_FITS_SCOPE


class Invitation(Base):
    """A role that waits for whoever gets a letter at this address. Only the SHA-256 of the letter's token is kept."""

    __tablename__ = "invitations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "partner_id"],
            [f"{DOMAIN}.partners.org_id", f"{DOMAIN}.partners.partner_id"],
            onupdate="CASCADE",
        ),
        CheckConstraint(ROLE_FITS_SCOPE, name="role_fits_scope"),
        CheckConstraint("locale IN ('ko', 'en')", name="locale"),
        CheckConstraint("(accepted_at IS NULL) = (accepted_by IS NULL)", name="accepted"),
        Index(None, "org_id", "created_at", "invitation_id"),
        # One at a time for an address and a place; another letter is sent for the same one.
        Index(
            "uq_invitations_pending",
            "org_id",
            "partner_id",
            "email",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
        {"schema": DOMAIN},
    )

    invitation_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(f"{DOMAIN}.orgs.org_id"))
    # Absent: the role is in the org itself.
    partner_id: Mapped[UUID | None]
    email: Mapped[str] = mapped_column(Text, index=True)
    role: Mapped[str] = mapped_column(Text)
    # The language of the letter.
    locale: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    invited_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    accepted_by: Mapped[UUID | None]
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(server_default=text("1"))

    # By the database's clock, like the decision itself.
    state: Mapped[str] = column_property(
        case(
            (accepted_at.is_not(None), "accepted"),
            (revoked_at.is_not(None), "revoked"),
            (expires_at <= func.now(), "expired"),
            else_="pending",
        )
    )

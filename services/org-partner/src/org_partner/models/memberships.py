from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base

ROLE_FITS_SCOPE = (
    "CASE WHEN partner_id IS NULL THEN role = 'org_admin' ELSE role IN ('partner_owner', 'instructor', 'assistant') END"
)


class Membership(Base):
    """A user's role in an org, or in one of its partners. Students are no members: they have enrolments.

    A role that was taken away stays as a row; given again, it is the same row with a higher version.
    """

    __tablename__ = "memberships"
    __table_args__ = (
        # A partner that moves to another org takes its staff along.
        ForeignKeyConstraint(
            ["org_id", "partner_id"],
            [f"{DOMAIN}.partners.org_id", f"{DOMAIN}.partners.partner_id"],
            onupdate="CASCADE",
        ),
        UniqueConstraint("user_id", "org_id", "partner_id", postgresql_nulls_not_distinct=True),
        CheckConstraint(ROLE_FITS_SCOPE, name="role_fits_scope"),
        Index(None, "org_id", "granted_at", "membership_id"),
        {"schema": DOMAIN},
    )

    membership_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"))
    org_id: Mapped[UUID] = mapped_column(ForeignKey(f"{DOMAIN}.orgs.org_id"))
    # Absent: the role is in the org itself.
    partner_id: Mapped[UUID | None]
    role: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(server_default="1")
    granted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # Set: it gives no right any more.
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

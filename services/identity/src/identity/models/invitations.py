from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class Invitation(Base):
    """Lets one address sign up where not everybody may. Only the SHA-256 of its token is kept."""

    __tablename__ = "sign_up_invitations"
    __table_args__ = (
        # One open invitation for each address: a new one takes the older one's place.
        Index("uq_sign_up_invitations_open_email", "email", unique=True, postgresql_where=text("used_at IS NULL")),
        Index("ix_sign_up_invitations_created_at_invitation_id", "created_at", "invitation_id"),
        {"schema": SCHEMA},
    )

    invitation_id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

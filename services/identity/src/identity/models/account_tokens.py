from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class AccountToken(Base):
    """What a letter's link proves once: that its reader has the address. One for each user and purpose.

    Only the token's SHA-256 is kept. `email`: where the letter went, which is not the account's yet when it changes.
    """

    __tablename__ = "account_tokens"
    __table_args__ = (
        CheckConstraint("purpose IN ('verify_email', 'change_email', 'reset_password')", name="purpose"),
        {"schema": SCHEMA},
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(Text, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    email: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

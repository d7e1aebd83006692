from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, ForeignKey, Index, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class ApiKey(Base):
    """What a program calls with in a user's name. Only the SHA-256 of its secret is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "user_id", "created_at"), {"schema": SCHEMA})

    api_key_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"))
    name: Mapped[str] = mapped_column(Text)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # When the audit log was last told that somebody came with it in vain.
    refused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def prefix(self) -> str:
        """What may be shown of it: enough to tell it from others."""
        return f"gfk_{self.api_key_id.hex}"

    def state(self, now: datetime) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "active" if now < self.expires_at else "expired"

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class Session(Base):
    """One login and all refresh tokens that came of it (the family)."""

    __tablename__ = "sessions"
    # The tidy asks for what ended long ago: by its time or before it.
    __table_args__ = (Index("ix_sessions_ended_at", text("LEAST(expires_at, revoked_at)")), {"schema": SCHEMA})

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"), index=True)
    user_agent: Mapped[str] = mapped_column(Text, server_default="")
    # Where the login came from. The network is what tells a place where the user has been before from any other.
    ip: Mapped[str | None] = mapped_column(Text)
    network: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_reason: Mapped[str | None] = mapped_column(Text)
    # The one scope that its tokens have, while its user must set up a second factor first. None: no limit.
    restricted_to: Mapped[str | None] = mapped_column(Text)


class RefreshToken(Base):
    """Only the SHA-256 of a token is kept."""

    __tablename__ = "refresh_tokens"
    __table_args__ = ({"schema": SCHEMA},)

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.sessions.session_id"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

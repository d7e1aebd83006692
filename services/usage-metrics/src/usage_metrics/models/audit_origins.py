from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from usage_metrics.models.base import LOG_SCHEMA, Base


class AuditOrigin(Base):
    """From where an entry's actor came. Personal data: apart from the log, so that it can go while the log stays."""

    __tablename__ = "audit_origins"
    __table_args__ = (Index(None, "user_id"), Index(None, "ip"), {"schema": LOG_SCHEMA})

    audit_id: Mapped[UUID] = mapped_column(primary_key=True)
    # The entry's: together with its id, the key of the log.
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    # With whose account it is erased: the actor, or, where nobody had logged in, the user whom the act was aimed at.
    user_id: Mapped[UUID | None]
    ip: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)

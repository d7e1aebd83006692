from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, LargeBinary, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class SigningKey(Base):
    __tablename__ = "signing_keys"
    __table_args__ = ({"schema": SCHEMA},)

    kid: Mapped[str] = mapped_column(Text, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # Published for verifying until then, after it no longer signs.
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

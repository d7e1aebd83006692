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
    # Signs from then on, until the next key does. Published before: a verifier must have it when the first token comes.
    active_from: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    # Published for verifying until then; what it signed has expired by then.
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class LlmSettings(Base):
    """What one level, an org or a partner of it, sets itself. What it leaves out, the level above decides.

    Cleared settings stay as an empty row, so that versions only ever grow.
    """

    __tablename__ = "llm_settings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "partner_id"],
            [f"{DOMAIN}.partners.org_id", f"{DOMAIN}.partners.partner_id"],
            # Cleared ones go along to another org; with any other, a partner stays.
            onupdate="CASCADE",
        ),
        UniqueConstraint("org_id", "partner_id", postgresql_nulls_not_distinct=True),
        # A provider is where its models are asked, and a key is for that place alone.
        CheckConstraint("(provider IS NULL) = (base_url IS NULL)", name="provider_has_base_url"),
        CheckConstraint("sealed_key IS NULL OR base_url IS NOT NULL", name="key_has_base_url"),
        CheckConstraint("(sealed_key IS NULL) = (key_set_at IS NULL)", name="key_set_at"),
        {"schema": DOMAIN},
    )

    settings_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(f"{DOMAIN}.orgs.org_id"))
    # Absent: the org's own.
    partner_id: Mapped[UUID | None]
    provider: Mapped[str | None] = mapped_column(Text)
    base_url: Mapped[str | None] = mapped_column(Text)
    # The model that is used where nobody chooses one.
    model: Mapped[str | None] = mapped_column(Text)
    # Empty: as above.
    allowed_models: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'::text[]"))
    price_override: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    # Loaded by who opens it alone.
    sealed_key: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    key_set_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    @property
    def has_key(self) -> bool:
        return self.key_set_at is not None

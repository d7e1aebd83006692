from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import SCHEMA, Base


class SentLetter(Base):
    """One letter of the last day, to count how many went to an address and from an org; older ones are dropped."""

    __tablename__ = "sent_letters"
    __table_args__ = (
        Index(None, "address_hash", "sent_at"),
        Index(None, "sender", "sent_at"),
        Index(None, "sent_at"),
        {"schema": SCHEMA, "prefixes": ["UNLOGGED"]},
    )

    letter_id: Mapped[UUID] = mapped_column(primary_key=True)
    # SHA-256 of the address: whom strangers wrote to need not stand here.
    address_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # `org:<id>`.
    sender: Mapped[str] = mapped_column(Text)
    # Absent: the org itself wrote it.
    partner_id: Mapped[UUID | None]
    sent_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

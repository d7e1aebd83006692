from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, text
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class Turn(Base):
    """How many of an org's, or a person's, documents were taken up of late: whoever had least is next."""

    __tablename__ = "turns"
    __table_args__ = ({"schema": SCHEMA},)

    # An org's id or a user's.
    holder_id: Mapped[UUID] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    # As it was at `taken_at`, that one included; it fades from then on (crud/queue.py).
    taken: Mapped[float] = mapped_column(server_default=text("1"))

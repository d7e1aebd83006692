from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class Turn(Base):
    """When an org's, or a person's, document was last taken up: who has waited longest is next."""

    __tablename__ = "turns"
    __table_args__ = ({"schema": SCHEMA},)

    # An org's id or a user's.
    holder_id: Mapped[UUID] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

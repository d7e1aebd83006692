from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class PendingObject(Base):
    """An object that no document has: one that is being stored, until its document's row is written, and one that
    newer content has replaced, until it is deleted.

    One that stays was cut off by a kill. `is_discarded`: the sweep deletes the object, and no document may have it.
    """

    __tablename__ = "pending_objects"
    __table_args__ = {"schema": SCHEMA}  # noqa: RUF012  SQLAlchemy's

    storage_key: Mapped[str] = mapped_column(Text, primary_key=True)
    owner_id: Mapped[UUID]
    is_discarded: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from rag.models.base import SCHEMA, Base


class VectorRead(Base):
    """Where searches read, as ingest's migrations say: a row for every version of the rule, of which the highest holds.

    `rule`: the default index, the routes and the shadows, as `VectorReadSwitched` has them.
    """

    __tablename__ = "vector_reads"
    __table_args__ = {"schema": SCHEMA}  # noqa: RUF012  SQLAlchemy's

    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    switch_id: Mapped[UUID]
    rule: Mapped[dict[str, Any]] = mapped_column(JSONB)
    switched_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    told_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

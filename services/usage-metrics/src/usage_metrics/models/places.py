from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from usage_metrics.models.base import SCHEMA, Base


class Place(Base):
    """That a class lies, or has lain, in a partner; that a partner is, or has been, in an org.

    Beside the projection, which knows the present alone: what happened before a partner moved is told with its former
    org, and may come after the news of the move.
    """

    __tablename__ = "places"
    __table_args__ = {"schema": SCHEMA}  # noqa: RUF012  SQLAlchemy's

    place_id: Mapped[UUID] = mapped_column(primary_key=True)
    above_id: Mapped[UUID] = mapped_column(primary_key=True)

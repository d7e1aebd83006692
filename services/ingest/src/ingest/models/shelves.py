from uuid import UUID

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class Shelf(Base):
    """A project or an agent of rag's, as it last told: what its owner may put their documents in."""

    __tablename__ = "shelves"
    __table_args__ = (CheckConstraint("kind IN ('project', 'agent')", name="kind"), {"schema": SCHEMA})

    shelf_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[UUID]
    # Of an agent's class, whose people find what is in it; absent: the owner alone does.
    org_id: Mapped[UUID | None]
    # One that is gone stays as that, or a late fact would bring it back.
    is_live: Mapped[bool]
    version: Mapped[int]

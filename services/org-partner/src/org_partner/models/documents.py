from uuid import UUID

from sqlalchemy import Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import SCHEMA, Base


class Document(Base):
    """What ingest's events told of a document: enough to choose it as a class's material. A projection."""

    __tablename__ = "documents"
    __table_args__ = (Index(None, "owner_id"), {"schema": SCHEMA})

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    # All three absent: personal.
    org_id: Mapped[UUID | None]
    partner_id: Mapped[UUID | None]
    class_id: Mapped[UUID | None]
    # Those that it is open to: for whose students it was uploaded, or that list it. Else its owner alone finds it.
    class_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'::uuid[]"))
    # Empty while the deletion is known and nothing else is.
    title: Mapped[str] = mapped_column(Text, server_default="")
    is_live: Mapped[bool]
    version: Mapped[int]

from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from rag.models.base import SCHEMA, Base

# The org of a document that was here before orgs were kept, until an event tells it.
UNTOLD_ORG = UUID(int=0)


class Document(Base):
    """A projection of ingest's documents: which there are, and whose they are to search."""

    __tablename__ = "documents"
    __table_args__ = ({"schema": SCHEMA},)

    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID | None]
    # Absent: personal.
    org_id: Mapped[UUID | None]
    title: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    is_live: Mapped[bool]
    # Twice the document's version, plus one when it is gone: a deletion that overtakes its document stays.
    version: Mapped[int]

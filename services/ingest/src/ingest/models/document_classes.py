from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class DocumentClass(Base):
    """A class that a document is open to: by its upload, by the class's list of materials, or by both.

    With neither it is on its way out, and goes when no index shows the document to the class any more.
    """

    __tablename__ = "document_classes"
    __table_args__ = (Index(None, "class_id"), {"schema": SCHEMA})

    document_id: Mapped[UUID] = mapped_column(ForeignKey("user.documents.document_id"), primary_key=True)
    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    # The document's owner, who sees all of its classes.
    owner_id: Mapped[UUID]
    by_upload: Mapped[bool] = mapped_column(server_default=text("false"))
    is_listed: Mapped[bool] = mapped_column(server_default=text("false"))

    @property
    def stays(self) -> bool:
        return self.by_upload or self.is_listed

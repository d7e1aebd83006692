from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class Share(Base):
    """A class that a document is open to: by its upload, by the class's list of materials, or by both.

    With neither it is on its way out, and goes when no index shows the document to the class any more.
    """

    __tablename__ = "shares"
    __table_args__ = (Index(None, "class_id"), {"schema": SCHEMA})

    document_id: Mapped[UUID] = mapped_column(ForeignKey("user.documents.document_id"), primary_key=True)
    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    # The document's owner, who sees its shares with whatever class.
    owner_id: Mapped[UUID]
    by_upload: Mapped[bool] = mapped_column(server_default=text("false"))
    is_listed: Mapped[bool] = mapped_column(server_default=text("false"))

    @property
    def stays(self) -> bool:
        return self.by_upload or self.is_listed


class ClassMaterials(Base):
    """What a class lists as its materials, as org-partner last told, whether or not it may share all of it."""

    __tablename__ = "class_materials"
    __table_args__ = (Index(None, "org_id"), {"schema": SCHEMA})

    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    material_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    version: Mapped[int]

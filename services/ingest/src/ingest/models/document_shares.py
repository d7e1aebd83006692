from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class SharedWith(StrEnum):
    CLASS = "class"
    PROJECT = "project"
    AGENT = "agent"


class DocumentShare(Base):
    """What a document is open to: a class, by its upload, by the class's list of materials, or by both; a project or an
    agent, in which its owner has put it and which therefore lists it.

    With neither it is on its way out, and goes when no index shows the document there any more.
    """

    __tablename__ = "document_shares"
    __table_args__ = (Index(None, "target_id"), {"schema": SCHEMA})

    document_id: Mapped[UUID] = mapped_column(ForeignKey("user.documents.document_id"), primary_key=True)
    target_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text, server_default=SharedWith.CLASS.value)
    # The document's owner, who sees all of its shares.
    owner_id: Mapped[UUID]
    by_upload: Mapped[bool] = mapped_column(server_default=text("false"))
    is_listed: Mapped[bool] = mapped_column(server_default=text("false"))

    @property
    def stays(self) -> bool:
        return self.by_upload or self.is_listed

    @property
    def scope(self) -> str:
        """The label by which it is found there."""
        return f"{self.kind}:{self.target_id}"

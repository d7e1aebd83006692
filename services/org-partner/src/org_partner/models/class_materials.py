from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class ClassMaterial(Base):
    """A document that a class's students may find and ask about. It goes when the document is deleted."""

    __tablename__ = "class_materials"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "partner_id", "class_id"],
            [f"{DOMAIN}.classes.org_id", f"{DOMAIN}.classes.partner_id", f"{DOMAIN}.classes.class_id"],
        ),
        Index(None, "document_id"),
        {"schema": DOMAIN},
    )

    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    added_by: Mapped[UUID]
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

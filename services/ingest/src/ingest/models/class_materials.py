from uuid import UUID

from sqlalchemy import Index, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from ingest.models.base import SCHEMA, Base


class ClassMaterials(Base):
    """What a class lists as its materials, as org-partner last told, whether or not it may share all of it."""

    __tablename__ = "class_materials"
    __table_args__ = (Index(None, "org_id"), {"schema": SCHEMA})

    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID]
    material_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    version: Mapped[int]

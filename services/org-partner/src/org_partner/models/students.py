from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class Student(Base):
    """A user as one org knows them; the same person learning in two orgs is two students."""

    __tablename__ = "students"
    __table_args__ = (
        UniqueConstraint("org_id", "user_id"),
        UniqueConstraint("org_id", "student_id"),
        {"schema": DOMAIN},
    )

    student_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(f"{DOMAIN}.orgs.org_id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

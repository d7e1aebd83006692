"""org-partner's facts as far as permission and names need them. `version` is the publisher's: newer wins."""

from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from usage_metrics.models.base import SCHEMA, Base


class Membership(Base):
    """A membership, or an enrolment: that one has a class."""

    __tablename__ = "memberships"
    __table_args__ = ({"schema": SCHEMA},)

    membership_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(index=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID | None] = mapped_column(index=True)
    class_id: Mapped[UUID | None]
    # Absent while the revocation is known and the grant, which names the role, is not.
    role: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool]
    version: Mapped[int] = mapped_column(BigInteger)


class Class(Base):
    __tablename__ = "classes"
    __table_args__ = ({"schema": SCHEMA},)

    class_id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(index=True)
    org_id: Mapped[UUID]
    # Absent while the closing is known and the opening, which names the class, is not.
    name: Mapped[str | None] = mapped_column(Text)
    is_open: Mapped[bool]
    version: Mapped[int] = mapped_column(BigInteger)

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import DOMAIN, Base


class OrgDomain(Base):
    """An e-mail domain that belongs to one org alone."""

    __tablename__ = "org_domains"
    __table_args__ = (CheckConstraint("domain = lower(domain)", name="lower"), {"schema": DOMAIN})

    domain_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey(f"{DOMAIN}.orgs.org_id"), index=True)
    # As IDNA writes it in ASCII: one domain, one spelling.
    domain: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

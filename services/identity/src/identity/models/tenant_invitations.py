from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class TenantInvitation(Base):
    """What org-partner told of a letter that invites to an org, a partner or a class. Its holder may sign up.

    `address_digest`, `token_digest`, `expires_at`: absent while its end is known and its sending is not.
    """

    __tablename__ = "tenant_invitations"
    __table_args__ = (Index("ix_tenant_invitations_address_digest", "address_digest"), {"schema": SCHEMA})

    invitation_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    partner_id: Mapped[UUID | None]
    address_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    token_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    is_open: Mapped[bool]
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    noted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
    version: Mapped[int]

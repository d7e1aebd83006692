from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, Table, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.migrations import FOREIGN
from org_partner.models.base import SCHEMA, Base

# identity's table, which foreign keys point at. Nothing here reads it, and the service's role may not.
APP_USER = Table("app_user", Base.metadata, Column("user_id", Uuid, primary_key=True), schema="user", info=FOREIGN)


class User(Base):
    """What identity's events told of a user: a projection, which may lag behind by moments."""

    __tablename__ = "users"
    __table_args__ = ({"schema": SCHEMA},)

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    # Not unique: an address may pass to another account before the event about the first one arrives.
    # Both absent once the account is anonymised.
    email: Mapped[str | None] = mapped_column(Text, index=True)
    # Whether somebody has shown that the address is theirs; without that, nothing is given to who merely names it.
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    display_name: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="active")
    version: Mapped[int] = mapped_column(server_default="1")
    # When what stands here became so, by identity's clock.
    told_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

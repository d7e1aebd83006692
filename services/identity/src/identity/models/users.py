from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class User(Base):
    """The account every other table points at. Never deleted: a person who leaves is anonymised in place."""

    __tablename__ = "app_user"
    __table_args__ = (
        CheckConstraint("tier IN ('supervisor', 'user')", name="tier"),
        CheckConstraint("status IN ('active', 'deactivated', 'suspended', 'anonymised')", name="status"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        Index("ix_app_user_created_at_user_id", "created_at", "user_id"),
        {"schema": "user"},
    )

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)
    display_name: Mapped[str] = mapped_column(Text)
    tier: Mapped[str] = mapped_column(Text, server_default="user")
    status: Mapped[str] = mapped_column(Text, server_default="active")
    # Why a supervisor suspended it.
    status_reason: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str] = mapped_column(Text, server_default="ko")
    # Counted up when every token of the user must die; tokens carry the epoch they were made in.
    token_epoch: Mapped[int] = mapped_column(server_default="0")
    # Counted up by every change that others are told of.
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    email_verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deactivated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    anonymised_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Nobody else is told of it: it changes with every login.
    last_login_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Credential(Base):
    __tablename__ = "credentials"
    __table_args__ = ({"schema": SCHEMA},)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"), primary_key=True)
    password_hash: Mapped[str] = mapped_column(Text)
    # Where it was chosen: known to the account before its first login.
    network: Mapped[str | None] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

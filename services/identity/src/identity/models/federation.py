from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class LinkedIdentity(Base):
    """Who a user is at an OpenID provider. The provider's word for the person is the subject, never the address."""

    __tablename__ = "linked_identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        Index(None, "user_id", "linked_at"),
        {"schema": SCHEMA},
    )

    identity_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"))
    # The provider's name in the settings, which may change; the issuer does not.
    provider: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    linked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    last_login_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class OidcLogin(Base):
    """A login that is away at its provider. Taken out when it comes back, so that it comes back once."""

    __tablename__ = "oidc_logins"
    __table_args__ = ({"schema": SCHEMA},)

    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    provider: Mapped[str] = mapped_column(Text)
    # Of the random that the browser which began it keeps.
    login_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # The code verifier and the nonce, sealed and bound to the state.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    redirect_uri: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class TotpFactor(Base):
    """A user's authenticator app. It counts once it is confirmed."""

    __tablename__ = "totp_factors"
    __table_args__ = ({"schema": SCHEMA},)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"), primary_key=True)
    # The shared secret, sealed and bound to user_id.
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # The time step of the last code that was taken: no code of that step or an older one is taken again.
    last_step: Mapped[int | None] = mapped_column(BigInteger)


class RecoveryCode(Base):
    """What lets a user in without the app, once. Only its SHA-256 is kept."""

    __tablename__ = "recovery_codes"
    __table_args__ = ({"schema": SCHEMA},)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class MfaChallenge(Base):
    """A login whose first factor was right and whose second one is awaited."""

    __tablename__ = "mfa_challenges"
    __table_args__ = ({"schema": SCHEMA},)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.app_user.user_id"), index=True)
    # A new password or a forced sign-out counts it up, and then this login is over too.
    token_epoch: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)

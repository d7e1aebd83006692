from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from identity.models.base import SCHEMA, Base


class Attempt(Base):
    """How often something was tried within one minute, counted together by all replicas.

    `key`: a keyed hash of what was tried on what from where, so that no address is kept of those who have no account.
    Lost with a crash of the server, which gives everybody a fresh quarter of an hour.
    """

    __tablename__ = "attempts"
    __table_args__ = ({"schema": SCHEMA, "prefixes": ["UNLOGGED"]},)

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    # Minutes since 1970.
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True, index=True)
    tries: Mapped[int] = mapped_column(BigInteger)

from sqlalchemy import BigInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from org_partner.models.base import SCHEMA, Base


class GuessingSource(Base):
    """Where wrong codes came from within an hour of the clock: an address, or an account that reached its limit."""

    __tablename__ = "guessing_sources"
    __table_args__ = ({"schema": SCHEMA},)

    # `ip:<address>`, `user:<id>`.
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    # Hours since 1970.
    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    refusals: Mapped[int]

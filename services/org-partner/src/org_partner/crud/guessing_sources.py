from sqlalchemy import BigInteger, ColumnElement, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import OwnScope, PlatformScope
from org_partner.models import GuessingSource

_HOUR = 3600


def _this_hour() -> ColumnElement[int]:
    return cast(func.floor(func.extract("epoch", func.clock_timestamp()) / _HOUR), BigInteger)


async def get_wait(session: AsyncSession, _scope: OwnScope, source: str, *, limit: int) -> int | None:
    """Seconds until the source may try again; None: now."""
    left = _HOUR - cast(func.extract("epoch", func.clock_timestamp()), BigInteger) % _HOUR
    query = select(left).where(
        GuessingSource.source == source, GuessingSource.hour == _this_hour(), GuessingSource.refusals >= limit
    )
    return (await session.execute(query)).scalar_one_or_none()


async def add(session: AsyncSession, _scope: OwnScope, source: str) -> int:
    """How many there are within this hour now. Each number is given once, however many come at the same time."""
    statement = insert(GuessingSource).values(source=source, hour=_this_hour(), refusals=1)
    statement = statement.on_conflict_do_update(
        index_elements=[GuessingSource.source, GuessingSource.hour], set_={"refusals": GuessingSource.refusals + 1}
    )
    return (await session.execute(statement.returning(GuessingSource.refusals))).scalar_one()


async def delete_old(session: AsyncSession, _scope: PlatformScope) -> None:
    await session.execute(delete(GuessingSource).where(GuessingSource.hour < _this_hour()))

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, ColumnElement, LargeBinary, and_, cast, delete, func, literal, or_, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import Attempt

WINDOW_MINUTES = 15

_MINUTE = cast(func.floor(func.extract("epoch", func.now()) / 60), BigInteger)


class Tries(NamedTuple):
    key: bytes
    minute: int
    tries: int


async def add(session: AsyncSession, keys: Sequence[bytes], *, others: Sequence[bytes] = ()) -> list[Tries]:
    """Count one try for each key; then all tries within the window, of `others` too, which are not counted.

    Whoever counts the same key meanwhile waits for this transaction, so of many at once each sees another sum.
    """
    counted = _put(keys, _MINUTE, 1).returning(Attempt.key, Attempt.minute, Attempt.tries).cte("counted")
    within = Attempt.minute > _MINUTE - WINDOW_MINUTES
    older = select(Attempt.key, Attempt.minute, Attempt.tries).where(
        within, or_(and_(Attempt.key.in_(keys), Attempt.minute < _MINUTE), Attempt.key.in_(others))
    )
    found = await session.execute(union_all(select(counted), older))
    return [Tries(row.key, row.minute, row.tries) for row in found]


async def take_back(session: AsyncSession, keys: Sequence[bytes], *, minute: int) -> None:
    """What `add` counted in that minute was no wrong try after all."""
    await session.execute(_put(keys, literal(minute, BigInteger), -1))


def _put(keys: Sequence[bytes], minute: ColumnElement[int], change: int) -> Insert:
    """One array, not a row for each key: SQLAlchemy works out the text of such a statement once, not at each login."""
    # Sorted: two transactions that count the same keys must not wait for each other.
    each = func.unnest(literal(sorted(set(keys)), ARRAY(LargeBinary)))
    statement = insert(Attempt).from_select(
        ["key", "minute", "tries"], select(each, minute, literal(change, BigInteger))
    )
    return statement.on_conflict_do_update(
        index_elements=[Attempt.key, Attempt.minute], set_={Attempt.tries: Attempt.tries + change}
    )


async def delete_old(session: AsyncSession, *, limit: int) -> int:
    """What no window reaches any more, `limit` rows at most; how many it was."""
    old = select(Attempt.key, Attempt.minute).where(Attempt.minute <= _MINUTE - WINDOW_MINUTES).limit(limit).subquery()
    statement = delete(Attempt).where(Attempt.key == old.c.key, Attempt.minute == old.c.minute)
    return len((await session.execute(statement.returning(Attempt.minute))).all())

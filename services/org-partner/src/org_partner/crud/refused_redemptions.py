from datetime import timedelta
from uuid import UUID

from sqlalchemy import Interval, delete, func, select, text, type_coerce
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import OwnScope
from org_partner.models import RefusedRedemption


async def lock(session: AsyncSession, scope: OwnScope) -> None:
    """One try of a user at a time: a thousand at once would all be counted too late."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended('redeem:' || :user_id, 0))")
    await session.execute(statement, {"user_id": str(scope.user_id)})


async def get_wait(session: AsyncSession, scope: OwnScope, *, limit: int, window: timedelta) -> timedelta | None:
    """How long until the user may try again; None: now."""
    query = (
        select(type_coerce(RefusedRedemption.refused_at + window - func.clock_timestamp(), Interval))
        .where(RefusedRedemption.user_id == scope.user_id)
        .where(RefusedRedemption.refused_at > func.clock_timestamp() - window)
        .order_by(RefusedRedemption.refused_at.desc())
        .offset(limit - 1)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def add(session: AsyncSession, scope: OwnScope, *, refusal_id: UUID) -> None:
    statement = insert(RefusedRedemption).values(refusal_id=refusal_id, user_id=scope.user_id)
    # Not now(): that is when the transaction began, and this one may have waited for its turn.
    await session.execute(statement.values(refused_at=func.clock_timestamp()))


async def delete_old(session: AsyncSession, scope: OwnScope, *, window: timedelta) -> None:
    old = RefusedRedemption.refused_at <= func.clock_timestamp() - window
    await session.execute(delete(RefusedRedemption).where(RefusedRedemption.user_id == scope.user_id, old))

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import RefreshToken, Session, User


async def add(
    session: AsyncSession,
    *,
    session_id: UUID,
    user_id: UUID,
    user_agent: str,
    ip: str | None,
    network: str,
    lifetime: timedelta,
) -> None:
    values = {"session_id": session_id, "user_id": user_id, "user_agent": user_agent, "ip": ip, "network": network}
    await session.execute(insert(Session).values(**values, expires_at=func.now() + lifetime))


async def get_live(session: AsyncSession, session_id: UUID) -> Session | None:
    query = select(Session).where(
        Session.session_id == session_id, Session.revoked_at.is_(None), Session.expires_at > func.now()
    )
    return (await session.execute(query)).scalar_one_or_none()


async def stands(session: AsyncSession, session_id: UUID, *, epoch: int) -> bool:
    """Whether a token of this session and this epoch may still be believed."""
    query = (
        select(Session.session_id)
        .join(User, User.user_id == Session.user_id)
        .where(Session.session_id == session_id, Session.revoked_at.is_(None))
        .where(User.status == "active", User.token_epoch <= epoch)
    )
    return (await session.execute(query)).scalar_one_or_none() is not None


async def add_token(session: AsyncSession, *, digest: bytes, session_id: UUID) -> None:
    await session.execute(insert(RefreshToken).values(digest=digest, session_id=session_id).on_conflict_do_nothing())


async def use_token(session: AsyncSession, *, digest: bytes) -> UUID | None:
    """The session of a token that was unused until now; of many at once, one gets it."""
    statement = (
        update(RefreshToken)
        .where(RefreshToken.digest == digest, RefreshToken.used_at.is_(None))
        .values(used_at=func.now())
        .returning(RefreshToken.session_id)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def get_token(session: AsyncSession, *, digest: bytes) -> tuple[UUID, datetime | None, datetime] | None:
    """Session, time of use, and the database's now."""
    query = select(RefreshToken.session_id, RefreshToken.used_at, func.now()).where(RefreshToken.digest == digest)
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1], row[2]) if row else None


async def is_unused(session: AsyncSession, *, digest: bytes) -> bool:
    query = select(RefreshToken.used_at).where(RefreshToken.digest == digest)
    row = (await session.execute(query)).one_or_none()
    return row is not None and row[0] is None


async def update_revoked(session: AsyncSession, *, session_id: UUID, reason: str) -> None:
    statement = (
        update(Session)
        .where(Session.session_id == session_id, Session.revoked_at.is_(None))
        .values(revoked_at=func.now(), revoked_reason=reason)
    )
    await session.execute(statement)


async def update_all_revoked(session: AsyncSession, user_id: UUID, *, reason: str, keep: UUID | None) -> None:
    """End every live session of a user, `keep` excepted."""
    statement = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None))
    if keep is not None:
        statement = statement.where(Session.session_id != keep)
    await session.execute(statement.values(revoked_at=func.now(), revoked_reason=reason))


async def delete_ended_tokens(session: AsyncSession, *, age: timedelta, limit: int) -> int:
    """The tokens of sessions that expired or ended that long ago, `limit` at most; how many it was."""
    old = (
        select(RefreshToken.digest)
        .join(Session, Session.session_id == RefreshToken.session_id)
        .where(_ended_before(age))
        .limit(limit)
    )
    statement = delete(RefreshToken).where(RefreshToken.digest.in_(old)).returning(RefreshToken.session_id)
    return len((await session.execute(statement)).all())


async def delete_ended(session: AsyncSession, *, age: timedelta, limit: int) -> int:
    """Sessions that expired or ended that long ago and have no tokens any more."""
    tokens = select(RefreshToken.digest).where(RefreshToken.session_id == Session.session_id)
    old = select(Session.session_id).where(_ended_before(age), ~tokens.exists()).limit(limit)
    statement = delete(Session).where(Session.session_id.in_(old)).returning(Session.session_id)
    return len((await session.execute(statement)).all())


def _ended_before(age: timedelta) -> ColumnElement[bool]:
    # LEAST passes over NULL: a session that nobody revoked ends when it expires.
    return func.least(Session.expires_at, Session.revoked_at) < func.now() - age

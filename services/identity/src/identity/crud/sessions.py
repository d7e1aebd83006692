from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, select, true, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from identity.crud.scopes import Own
from identity.models import ApiKey, RefreshToken, Session, TotpFactor, User


async def add(
    session: AsyncSession,
    *,
    session_id: UUID,
    user_id: UUID,
    user_agent: str,
    ip: str | None,
    network: str,
    lifetime: timedelta,
    restricted_to: str | None,
) -> None:
    values = {"session_id": session_id, "user_id": user_id, "user_agent": user_agent, "ip": ip, "network": network}
    statement = insert(Session).values(**values, expires_at=func.now() + lifetime, restricted_to=restricted_to)
    await session.execute(statement)


class Holder(NamedTuple):
    """Whose a live session is, and what its tokens say of them."""

    user_id: UUID
    tier: str
    session_id: UUID
    token_epoch: int
    restricted_to: str | None


_HOLDER = (User.user_id, User.tier, Session.session_id, User.token_epoch, Session.restricted_to)


def _held(session_id: UUID) -> ColumnElement[bool]:
    return and_(
        Session.session_id == session_id,
        User.user_id == Session.user_id,
        User.status == "active",
        Session.revoked_at.is_(None),
        Session.expires_at > func.now(),
    )


async def get_holder(session: AsyncSession, session_id: UUID) -> Holder | None:
    """None: the session is over, or its user is not active."""
    row = (await session.execute(select(*_HOLDER).where(_held(session_id)))).one_or_none()
    return Holder(*row) if row else None


async def update_used(session: AsyncSession, session_id: UUID) -> Holder | None:
    """The same, of a session that is used now; whoever ends it meanwhile waits, or is waited for."""
    statement = update(Session).where(_held(session_id)).values(last_used_at=func.now()).returning(*_HOLDER)
    row = (await session.execute(statement)).one_or_none()
    return Holder(*row) if row else None


async def stands(session: AsyncSession, session_id: UUID, *, epoch: int) -> bool:
    """Whether a token of this session, or of this API key, and of this epoch may still be believed."""
    holder = union_all(
        select(Session.user_id).where(
            Session.session_id == session_id, Session.revoked_at.is_(None), Session.expires_at > func.now()
        ),
        select(ApiKey.user_id).where(
            ApiKey.api_key_id == session_id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now()
        ),
    )
    query = select(User.user_id).where(User.user_id.in_(holder), User.status == "active", User.token_epoch <= epoch)
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


async def update_revoked(
    session: AsyncSession, session_id: UUID, *, own: Own | None, reason: str
) -> tuple[UUID, int] | None:
    """The user and their epoch. None: there is no live session of that id, or it is not their `own`."""
    statement = (
        update(Session)
        .where(Session.session_id == session_id, User.user_id == Session.user_id, Session.revoked_at.is_(None))
        .where(Session.expires_at > func.now(), true() if own is None else Session.user_id == own.user_id)
        .values(revoked_at=func.now(), revoked_reason=reason)
        .returning(User.user_id, User.token_epoch)
    )
    row = (await session.execute(statement)).one_or_none()
    return (row[0], row[1]) if row else None


async def update_others_revoked(session: AsyncSession, own: Own, *, keep: UUID, reason: str) -> list[UUID]:
    """Ends every live session but one; which these were."""
    statement = (
        update(Session)
        .where(Session.user_id == own.user_id, Session.session_id != keep)
        .where(Session.revoked_at.is_(None), Session.expires_at > func.now())
        .values(revoked_at=func.now(), revoked_reason=reason)
        .returning(Session.session_id)
    )
    return list((await session.execute(statement)).scalars())


async def list_own(session: AsyncSession, own: Own, page: Slice, *, ip: str | None) -> list[Session]:
    """The live ones."""
    query = paging.apply(select(Session), page, at=Session.created_at, key=Session.session_id)
    if ip is not None:
        query = query.where(Session.ip == ip)
    query = query.where(Session.user_id == own.user_id, Session.revoked_at.is_(None), Session.expires_at > func.now())
    return list((await session.execute(query)).scalars())


async def update_restricted(session: AsyncSession, session_id: UUID, *, restricted_to: str | None) -> None:
    """What alone its tokens are good for from now on; nothing changes once its user has a second factor."""
    enrolled = select(TotpFactor.user_id).where(
        TotpFactor.user_id == Session.user_id, TotpFactor.confirmed_at.is_not(None)
    )
    statement = update(Session).where(Session.session_id == session_id, ~enrolled.exists())
    await session.execute(statement.values(restricted_to=restricted_to))


async def update_lifted(session: AsyncSession, own: Own, session_id: UUID) -> bool:
    """Its tokens are good for everything from now on. False: they were before."""
    statement = (
        update(Session)
        .where(Session.session_id == session_id, Session.user_id == own.user_id, Session.restricted_to.is_not(None))
        .values(restricted_to=None)
        .returning(Session.session_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def list_restricted(session: AsyncSession, own: Own) -> list[UUID]:
    """The live ones that are good for one thing alone."""
    query = select(Session.session_id).where(Session.user_id == own.user_id, Session.restricted_to.is_not(None))
    query = query.where(Session.revoked_at.is_(None), Session.expires_at > func.now())
    return list((await session.execute(query)).scalars())


async def update_anonymised(session: AsyncSession, user_id: UUID) -> None:
    """Forget from where and with what the user came."""
    statement = update(Session).where(Session.user_id == user_id)
    await session.execute(statement.values(user_agent="", ip=None, network=None))


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

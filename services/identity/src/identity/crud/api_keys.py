from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from identity.crud.scopes import Own
from identity.models import ApiKey, User

# Not now(): that is when the transaction began, and this one may have waited for its turn.
_NOW = func.clock_timestamp()
_ACTIVE = and_(ApiKey.revoked_at.is_(None), ApiKey.expires_at > _NOW)


async def lock(session: AsyncSession, own: Own) -> None:
    """One change of a user's keys at a time: how many there are decides whether there may be one more."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended('api_keys:' || :user_id, 0))")
    await session.execute(statement, {"user_id": str(own.user_id)})


async def add(
    session: AsyncSession,
    own: Own,
    *,
    api_key_id: UUID,
    name: str,
    secret_hash: bytes,
    scopes: Sequence[str],
    lifetime: timedelta,
) -> ApiKey:
    values = {"api_key_id": api_key_id, "name": name, "secret_hash": secret_hash, "scopes": list(scopes)}
    key = ApiKey(user_id=own.user_id, expires_at=_NOW + lifetime, **values)
    session.add(key)
    await session.flush()
    await session.refresh(key)
    return key


async def get(session: AsyncSession, own: Own, api_key_id: UUID) -> ApiKey | None:
    query = select(ApiKey).where(ApiKey.user_id == own.user_id, ApiKey.api_key_id == api_key_id)
    return (await session.execute(query)).scalar_one_or_none()


async def get_with_user(session: AsyncSession, api_key_id: UUID) -> tuple[ApiKey, User] | None:
    """Whosever it is; for the holder of the key, who proves it with the secret."""
    query = select(ApiKey, User).join(User, User.user_id == ApiKey.user_id).where(ApiKey.api_key_id == api_key_id)
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def list_page(session: AsyncSession, own: Own, page: Slice, *, state: str | None) -> Sequence[ApiKey]:
    query = select(ApiKey).where(ApiKey.user_id == own.user_id)
    if state is not None:
        query = query.where(_in_state(state))
    return (
        (await session.execute(paging.apply(query, page, at=ApiKey.created_at, key=ApiKey.api_key_id))).scalars().all()
    )


async def list_active_names(session: AsyncSession, own: Own) -> list[str]:
    """One entry for each active key."""
    return list((await session.execute(select(ApiKey.name).where(ApiKey.user_id == own.user_id, _ACTIVE))).scalars())


async def update_expiry(session: AsyncSession, own: Own, api_key_id: UUID, *, lifetime: timedelta) -> None:
    """Let it live that much longer from now, and never longer than it was to live before."""
    statement = update(ApiKey).where(ApiKey.user_id == own.user_id, ApiKey.api_key_id == api_key_id)
    await session.execute(statement.values(expires_at=func.least(ApiKey.expires_at, _NOW + lifetime)))


async def update_revoked(session: AsyncSession, own: Own, api_key_id: UUID) -> bool:
    """False: it was revoked before."""
    statement = (
        update(ApiKey)
        .where(ApiKey.user_id == own.user_id, ApiKey.api_key_id == api_key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=_NOW)
        .returning(ApiKey.api_key_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def update_all_revoked(session: AsyncSession, user_id: UUID) -> Sequence[ApiKey]:
    """Which these were; the expired ones too."""
    statement = update(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
    return (await session.execute(statement.values(revoked_at=_NOW).returning(ApiKey))).scalars().all()


async def update_all_forgotten(session: AsyncSession, user_id: UUID) -> None:
    """Revoke every key of a user who is gone, and take away its name, which they chose."""
    statement = update(ApiKey).where(ApiKey.user_id == user_id)
    await session.execute(statement.values(name="", revoked_at=func.coalesce(ApiKey.revoked_at, _NOW)))


async def update_used(session: AsyncSession, api_key_id: UUID, *, every: timedelta) -> None:
    """Written at most once in `every`: a key that is used all the time must not cost a write each time."""
    long_ago = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < _NOW - every)
    await session.execute(update(ApiKey).where(ApiKey.api_key_id == api_key_id, long_ago).values(last_used_at=_NOW))


async def update_refused(session: AsyncSession, api_key_id: UUID, *, every: timedelta) -> bool:
    """False: it was noted within `every` before."""
    long_ago = or_(ApiKey.refused_at.is_(None), ApiKey.refused_at < _NOW - every)
    statement = update(ApiKey).where(ApiKey.api_key_id == api_key_id, long_ago).values(refused_at=_NOW)
    return (await session.execute(statement.returning(ApiKey.api_key_id))).scalar_one_or_none() is not None


def _in_state(state: str) -> ColumnElement[bool]:
    match state:
        case "active":
            return _ACTIVE
        case "revoked":
            return ApiKey.revoked_at.is_not(None)
        case _:
            return and_(ApiKey.revoked_at.is_(None), ApiKey.expires_at <= _NOW)

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import SigningKey

# Not now(): that is when the transaction began, and this one may have waited for the lock.
_NOW = func.clock_timestamp()
_PUBLISHED = SigningKey.retired_at.is_(None) | (SigningKey.retired_at > _NOW)


async def lock(session: AsyncSession) -> None:
    """Two replicas that start together must not both make the first key, nor two operators rotate at once."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('identity.signing_keys'))"))


async def get_active(session: AsyncSession) -> SigningKey | None:
    """The key that signs now."""
    query = select(SigningKey).where(_PUBLISHED, SigningKey.active_from <= _NOW)
    query = query.order_by(SigningKey.active_from.desc(), SigningKey.kid).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def is_newest_older(session: AsyncSession, age: timedelta) -> bool:
    """Whether the last key that was made has been signing for that long. False, too: there is none."""
    query = select(func.max(SigningKey.active_from) <= _NOW - age).where(SigningKey.retired_at.is_(None))
    return bool((await session.execute(query)).scalar_one())


async def list_public(session: AsyncSession) -> list[dict[str, Any]]:
    """The keys that verify, those included that do not sign yet."""
    query = select(SigningKey.public_jwk).where(_PUBLISHED).order_by(SigningKey.created_at.desc())
    return list((await session.execute(query)).scalars())


async def lock_published(session: AsyncSession) -> list[SigningKey]:
    return list((await session.execute(select(SigningKey).where(_PUBLISHED).with_for_update())).scalars())


async def add(
    session: AsyncSession, *, kid: str, sealed: bytes, public_jwk: dict[str, Any], lead: timedelta = timedelta(0)
) -> SigningKey:
    """`lead`: how long it is published before it signs."""
    key = SigningKey(kid=kid, sealed=sealed, public_jwk=public_jwk, active_from=_NOW + lead)
    session.add(key)
    await session.flush()
    await session.refresh(key)
    return key


async def update_retired(session: AsyncSession, *, successor: SigningKey, overlap: timedelta) -> None:
    """Retire the other keys `overlap` after the successor begins to sign. A time that was set before stays."""
    statement = update(SigningKey).where(SigningKey.kid != successor.kid, SigningKey.retired_at.is_(None))
    await session.execute(statement.values(retired_at=successor.active_from + overlap))

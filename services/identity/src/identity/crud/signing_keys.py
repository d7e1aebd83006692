from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import SigningKey


async def lock(session: AsyncSession) -> None:
    """Two replicas that start together must not both make the first key."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('identity.signing_keys'))"))


async def get_active(session: AsyncSession) -> SigningKey | None:
    query = select(SigningKey).where(SigningKey.retired_at.is_(None)).order_by(SigningKey.created_at.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def list_public(session: AsyncSession) -> list[dict[str, Any]]:
    query = select(SigningKey.public_jwk).order_by(SigningKey.created_at.desc())
    return list((await session.execute(query)).scalars())


async def add(session: AsyncSession, *, kid: str, sealed: bytes, public_jwk: dict[str, Any]) -> SigningKey:
    key = SigningKey(kid=kid, sealed=sealed, public_jwk=public_jwk)
    session.add(key)
    await session.flush()
    return key

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import AccountToken


async def put(
    session: AsyncSession, *, user_id: UUID, purpose: str, digest: bytes, email: str, lifetime: timedelta
) -> None:
    """In the place of the older one of that purpose, used or not."""
    values = {"digest": digest, "email": email, "created_at": func.now(), "expires_at": func.now() + lifetime}
    statement = insert(AccountToken).values(user_id=user_id, purpose=purpose, used_at=None, **values)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[AccountToken.user_id, AccountToken.purpose], set_={**values, "used_at": None}
        )
    )


async def get(session: AsyncSession, digest: bytes, *, purposes: Sequence[str]) -> AccountToken | None:
    """One that still counts."""
    query = select(AccountToken).where(
        AccountToken.digest == digest,
        AccountToken.purpose.in_(purposes),
        AccountToken.used_at.is_(None),
        AccountToken.expires_at > func.now(),
    )
    return (await session.execute(query)).scalar_one_or_none()


async def use(session: AsyncSession, digest: bytes) -> bool:
    """False: somebody else used it since `get`."""
    statement = (
        update(AccountToken)
        .where(AccountToken.digest == digest, AccountToken.used_at.is_(None))
        .values(used_at=func.now())
        .returning(AccountToken.user_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def delete_of_user(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(AccountToken).where(AccountToken.user_id == user_id))


async def delete_old(session: AsyncSession, *, limit: int) -> int:
    """Those that were used or have expired, `limit` at most; how many it was."""
    over = or_(AccountToken.used_at.is_not(None), AccountToken.expires_at < func.now())
    old = select(AccountToken.digest).where(over).limit(limit)
    statement = delete(AccountToken).where(AccountToken.digest.in_(old)).returning(AccountToken.user_id)
    return len((await session.execute(statement)).all())

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.models import User

ACTIVE = "active"
ANONYMISED = "anonymised"


async def add(session: AsyncSession, *, user_id: UUID, **values: Any) -> User:
    """A user who is known already stays: a registration is the oldest fact there is about somebody. As they are now."""
    statement = insert(User).values(user_id=user_id, **values)
    await session.execute(statement.on_conflict_do_nothing(index_elements=[User.user_id]))
    return await session.get_one(User, user_id)


async def update_told(session: AsyncSession, *, user_id: UUID, version: int, **values: Any) -> User:
    """The account as this version has it, unless a newer one stands there or it is anonymised. As it is now."""
    statement = insert(User).values(user_id=user_id, version=version, **values)
    told = {name: statement.excluded[name] for name in (*values, "version")}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[User.user_id],
            set_=told,
            where=(User.version < version) & (User.status != ANONYMISED),
        )
    )
    return await session.get_one(User, user_id)


async def update_anonymised(session: AsyncSession, *, user_id: UUID, version: int, told_at: datetime) -> None:
    """Name and address go; the row stays and says so, so that a fact that comes late brings nothing back."""
    gone: dict[str, Any] = {"email": None, "email_verified": False, "display_name": None}
    gone |= {"status": ANONYMISED, "version": version, "told_at": told_at}
    statement = insert(User).values(user_id=user_id, **gone)
    await session.execute(statement.on_conflict_do_update(index_elements=[User.user_id], set_=gone))


async def get(session: AsyncSession, user_id: UUID) -> User | None:
    """Held as it is until the end of the transaction, so that nobody is given anything while they are forgotten."""
    return await session.get(User, user_id, with_for_update={"read": True})


async def lock_verified_email(session: AsyncSession, user_id: UUID) -> str | None:
    """The user's address; None: it is not known, or was never verified. Whoever asks for the user with `get` waits."""
    query = select(User.email, User.email_verified).where(User.user_id == user_id).with_for_update()
    found = (await session.execute(query)).one_or_none()
    return found.email if found is not None and found.email_verified else None


async def get_email(session: AsyncSession, user_id: UUID) -> str | None:
    """The address that the user names at present; None: it is not known. Nothing is held."""
    return (await session.execute(select(User.email).where(User.user_id == user_id))).scalar_one_or_none()


async def get_by_email(session: AsyncSession, email: str) -> User | None:
    """The address's present holder, who may never have verified it, held as `get` does."""
    query = select(User).where(User.email == email, User.status == ACTIVE).order_by(User.told_at.desc()).limit(1)
    return (await session.execute(query.with_for_update(read=True))).scalar_one_or_none()


async def list_verified(session: AsyncSession, emails: Collection[str]) -> dict[str, UUID]:
    """The present holders of those addresses whose holder has verified them, held as `get` does."""
    query = select(User.email, User.user_id, User.email_verified).where(User.email.in_(emails), User.status == ACTIVE)
    # In one order for all, and of one address the latest holder last.
    query = query.order_by(User.told_at, User.user_id).with_for_update(read=True)
    # The latest before the verified ones: whoever verified it once and gave it up is not its holder any more.
    latest = {email: (user_id, verified) for email, user_id, verified in await session.execute(query)}
    return {email: user_id for email, (user_id, verified) in latest.items() if email is not None and verified}


async def count_personal(session: AsyncSession, user_id: UUID) -> int:
    """Rows that still name the user."""
    named = or_(User.email.is_not(None), User.display_name.is_not(None))
    query = select(func.count()).select_from(User).where(User.user_id == user_id, named)
    return (await session.execute(query)).scalar_one()

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.models import User

ACTIVE = "active"
ANONYMISED = "anonymised"


async def add(session: AsyncSession, *, user_id: UUID, email: str, display_name: str, told_at: datetime) -> None:
    """A user who is known already stays: a registration is the oldest fact there is about somebody."""
    values = {"user_id": user_id, "email": email, "display_name": display_name, "told_at": told_at}
    await session.execute(insert(User).values(**values).on_conflict_do_nothing(index_elements=[User.user_id]))


async def update_told(session: AsyncSession, *, user_id: UUID, version: int, **values: Any) -> None:
    """The account as this version has it, unless a newer one stands there. What is anonymised stays so."""
    statement = insert(User).values(user_id=user_id, version=version, **values)
    told = {name: statement.excluded[name] for name in (*values, "version")}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[User.user_id],
            set_=told,
            where=(User.version < version) & (User.status != ANONYMISED),
        )
    )


async def update_anonymised(session: AsyncSession, *, user_id: UUID, version: int, told_at: datetime) -> None:
    """Name and address go; the row stays and says so, so that a fact that comes late brings nothing back."""
    gone = {"email": None, "display_name": None, "status": ANONYMISED, "version": version, "told_at": told_at}
    statement = insert(User).values(user_id=user_id, **gone)
    await session.execute(statement.on_conflict_do_update(index_elements=[User.user_id], set_=gone))


async def get(session: AsyncSession, user_id: UUID) -> User | None:
    return await session.get(User, user_id)


async def get_by_email(session: AsyncSession, email: str) -> User | None:
    """The address's present holder."""
    query = select(User).where(User.email == email, User.status == ACTIVE).order_by(User.told_at.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def count_personal(session: AsyncSession, user_id: UUID) -> int:
    """Rows that still name the user."""
    named = or_(User.email.is_not(None), User.display_name.is_not(None))
    query = select(func.count()).select_from(User).where(User.user_id == user_id, named)
    return (await session.execute(query)).scalar_one()

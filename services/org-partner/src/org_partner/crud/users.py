from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.models import User


async def add(session: AsyncSession, *, user_id: UUID, email: str, display_name: str, registered_at: datetime) -> None:
    """A user who is known already stays: a registration is the oldest fact there is about somebody."""
    values = {"user_id": user_id, "email": email, "display_name": display_name, "registered_at": registered_at}
    await session.execute(insert(User).values(**values).on_conflict_do_nothing(index_elements=[User.user_id]))


async def get_by_email(session: AsyncSession, email: str) -> User | None:
    """The address's present holder."""
    query = select(User).where(User.email == email).order_by(User.registered_at.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()

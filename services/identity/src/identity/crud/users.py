from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import Credential, User


async def add(
    session: AsyncSession, *, user_id: UUID, email: str, display_name: str, tier: str, locale: str
) -> User | None:
    """None: the address has an account already."""
    values = {"user_id": user_id, "email": email, "display_name": display_name, "tier": tier, "locale": locale}
    statement = insert(User).values(**values).on_conflict_do_nothing(index_elements=[User.email]).returning(User)
    return (await session.execute(statement)).scalar_one_or_none()


async def add_credential(session: AsyncSession, *, user_id: UUID, password_hash: str) -> None:
    session.add(Credential(user_id=user_id, password_hash=password_hash))
    await session.flush()


async def get(session: AsyncSession, user_id: UUID) -> User | None:
    return await session.get(User, user_id)


async def get_with_hash(session: AsyncSession, *, email: str) -> tuple[User, str] | None:
    query = select(User, Credential.password_hash).join(Credential, Credential.user_id == User.user_id)
    row = (await session.execute(query.where(User.email == email))).one_or_none()
    return (row[0], row[1]) if row else None


async def update_password_hash(session: AsyncSession, *, user_id: UUID, password_hash: str) -> None:
    credential = await session.get_one(Credential, user_id)
    credential.password_hash = password_hash

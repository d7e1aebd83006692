from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy import update as sql_update
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


async def lock(session: AsyncSession, user_id: UUID) -> User | None:
    """The row, held until the transaction ends: whoever changes an account begins here."""
    return await session.get(User, user_id, with_for_update=True)


async def update(session: AsyncSession, user: User, **values: Any) -> None:
    """Change a row that `lock` gave, and count its version up. `service.changes.announce` tells the others."""
    assert user in session  # noqa: S101  a row of another transaction would not be written at all
    for name, value in values.items():
        setattr(user, name, value)
    user.version += 1
    await session.flush()


async def update_last_login(session: AsyncSession, user_id: UUID, *, epoch: int) -> User | None:
    """None: the user is no longer who they were when the login began. Not counted as a change of the account."""
    statement = (
        sql_update(User)
        .where(User.user_id == user_id, User.status == "active", User.token_epoch == epoch)
        .values(last_login_at=func.now())
        .returning(User)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def lock_supervisors(session: AsyncSession) -> list[UUID]:
    """The supervisors who may log in; none of them changes until the transaction ends."""
    query = select(User.user_id).where(User.tier == "supervisor", User.status == "active").order_by(User.user_id)
    return list((await session.execute(query.with_for_update())).scalars())


async def get_with_hash(session: AsyncSession, *, email: str) -> tuple[User, str] | None:
    query = select(User, Credential.password_hash).join(Credential, Credential.user_id == User.user_id)
    row = (await session.execute(query.where(User.email == email))).one_or_none()
    return (row[0], row[1]) if row else None


async def update_password_hash(session: AsyncSession, *, user_id: UUID, password_hash: str) -> None:
    credential = await session.get_one(Credential, user_id)
    credential.password_hash = password_hash

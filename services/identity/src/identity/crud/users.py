from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, false, func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from identity.crud.scopes import Own
from identity.models import Credential, Session, TotpFactor, User


async def add(
    session: AsyncSession,
    *,
    user_id: UUID,
    email: str,
    display_name: str,
    tier: str,
    locale: str,
    email_verified_at: datetime | None,
) -> User | None:
    """None: the address has an account already."""
    values = {
        "user_id": user_id,
        "email": email,
        "display_name": display_name,
        "tier": tier,
        "locale": locale,
        "email_verified_at": email_verified_at,
    }
    statement = insert(User).values(**values).on_conflict_do_nothing(index_elements=[User.email]).returning(User)
    return (await session.execute(statement)).scalar_one_or_none()


async def get(session: AsyncSession, user_id: UUID) -> User | None:
    return await session.get(User, user_id)


async def lock(session: AsyncSession, user_id: UUID) -> User | None:
    """The row, held until the transaction ends: whoever changes an account begins here."""
    return await session.get(User, user_id, with_for_update=True, populate_existing=True)


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


class LoginRow(NamedTuple):
    """`is_known_network`: the user has logged in from there before, or chosen the password there."""

    user: User
    password_hash: str
    is_known_network: bool


async def get_for_login(session: AsyncSession, *, email: str, network: str | None) -> LoginRow | None:
    """None: there is no such account, or none with a password."""
    been_there = select(Session.session_id).where(Session.user_id == User.user_id, Session.network == network).exists()
    is_known = or_(been_there, func.coalesce(Credential.network == network, false()))
    query = select(User, Credential.password_hash, is_known).join(Credential, Credential.user_id == User.user_id)
    row = (await session.execute(query.where(User.email == email))).one_or_none()
    return LoginRow(row[0], row[1], row[2]) if row else None


async def get_by_email(session: AsyncSession, email: str) -> User | None:
    return (await session.execute(select(User).where(User.email == email))).scalar_one_or_none()


async def get_profile(session: AsyncSession, own: Own, *, lock: bool = False) -> tuple[User, bool] | None:
    """An active account, and whether it has a second factor. `lock`: to change it."""
    confirmed = TotpFactor.confirmed_at.is_not(None)
    has_factor = select(TotpFactor.user_id).where(TotpFactor.user_id == User.user_id, confirmed).exists()
    query = select(User, has_factor).where(User.user_id == own.user_id, User.status == "active")
    if lock:
        query = query.with_for_update(of=User)
    row = (await session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def update_email(session: AsyncSession, user: User, *, email: str, verified_at: datetime) -> bool:
    """False: the address has an account already."""
    try:
        async with session.begin_nested():
            await update(session, user, email=email, email_verified_at=verified_at)
    except IntegrityError:
        return False
    return True


async def has_password(session: AsyncSession, user_id: UUID) -> bool:
    query = select(Credential.user_id).where(Credential.user_id == user_id)
    return (await session.execute(query)).scalar_one_or_none() is not None


async def put_password(session: AsyncSession, *, user_id: UUID, password_hash: str, network: str | None) -> None:
    """Also for somebody who had no password until now. `network`: where it was chosen."""
    values = {"user_id": user_id, "password_hash": password_hash, "network": network, "changed_at": func.now()}
    statement = insert(Credential).values(**values)
    await session.execute(statement.on_conflict_do_update(index_elements=[Credential.user_id], set_=values))


async def update_password_hash(session: AsyncSession, *, user_id: UUID, password_hash: str) -> None:
    """Of the same password, by today's cost."""
    statement = sql_update(Credential).where(Credential.user_id == user_id).values(password_hash=password_hash)
    await session.execute(statement)


async def delete_credential(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(Credential).where(Credential.user_id == user_id))

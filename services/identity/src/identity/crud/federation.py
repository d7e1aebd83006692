from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from identity.crud.scopes import Own
from identity.models import Credential, LinkedIdentity, OidcLogin, User


async def add_login(
    session: AsyncSession,
    *,
    state_hash: bytes,
    provider: str,
    login_hash: bytes,
    sealed: bytes,
    redirect_uri: str,
    lifetime: timedelta,
) -> None:
    values = {"state_hash": state_hash, "provider": provider, "login_hash": login_hash, "sealed": sealed}
    statement = insert(OidcLogin).values(**values, redirect_uri=redirect_uri, expires_at=func.now() + lifetime)
    await session.execute(statement)


async def take_login(session: AsyncSession, *, state_hash: bytes, provider: str) -> OidcLogin | None:
    """Out of the table: of many at once, one gets it. None: unknown, taken, too old, or another provider's."""
    statement = (
        delete(OidcLogin)
        .where(
            OidcLogin.state_hash == state_hash,
            OidcLogin.provider == provider,
            OidcLogin.expires_at > func.clock_timestamp(),
        )
        .returning(OidcLogin)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def delete_expired_logins(session: AsyncSession, *, limit: int) -> int:
    old = select(OidcLogin.state_hash).where(OidcLogin.expires_at < func.now()).limit(limit)
    statement = delete(OidcLogin).where(OidcLogin.state_hash.in_(old)).returning(OidcLogin.provider)
    return len((await session.execute(statement)).all())


async def lock(session: AsyncSession, *, issuer: str, subject: str) -> None:
    """One first login of a person at a time: two at once would both find no account and make one."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended('oidc:' || :issuer || ' ' || :subject, 0))")
    await session.execute(statement, {"issuer": issuer, "subject": subject})


async def get_user(session: AsyncSession, *, issuer: str, subject: str) -> User | None:
    """Whom the identity is linked to, and notes that it is used now."""
    statement = (
        update(LinkedIdentity)
        .where(LinkedIdentity.issuer == issuer, LinkedIdentity.subject == subject)
        .values(last_login_at=func.now())
        .returning(LinkedIdentity.user_id)
    )
    user_id = (await session.execute(statement)).scalar_one_or_none()
    return await session.get(User, user_id) if user_id else None


async def lock_user(session: AsyncSession, *, email: str) -> User | None:
    return (await session.execute(select(User).where(User.email == email).with_for_update())).scalar_one_or_none()


async def add(
    session: AsyncSession,
    *,
    identity_id: UUID,
    user_id: UUID,
    provider: str,
    issuer: str,
    subject: str,
    email: str,
) -> None:
    values = {"user_id": user_id, "provider": provider, "issuer": issuer, "subject": subject, "email": email}
    await session.execute(insert(LinkedIdentity).values(identity_id=identity_id, **values, last_login_at=func.now()))


async def list_page(session: AsyncSession, own: Own, page: Slice, *, provider: str | None) -> Sequence[LinkedIdentity]:
    query = select(LinkedIdentity).where(LinkedIdentity.user_id == own.user_id)
    if provider is not None:
        query = query.where(LinkedIdentity.provider == provider)
    query = paging.apply(query, page, at=LinkedIdentity.linked_at, key=LinkedIdentity.identity_id)
    return (await session.execute(query)).scalars().all()


async def get(session: AsyncSession, own: Own, identity_id: UUID) -> LinkedIdentity | None:
    query = select(LinkedIdentity).where(LinkedIdentity.user_id == own.user_id)
    return (await session.execute(query.where(LinkedIdentity.identity_id == identity_id))).scalar_one_or_none()


async def count_ways(session: AsyncSession, own: Own) -> int:
    """How many ways in a user has: the password, and each linked identity."""
    ways = [
        await session.execute(select(func.count()).where(model.user_id == own.user_id))
        for model in (Credential, LinkedIdentity)
    ]
    return sum(way.scalar_one() for way in ways)


async def delete_one(session: AsyncSession, own: Own, identity_id: UUID) -> None:
    mine = (LinkedIdentity.user_id == own.user_id, LinkedIdentity.identity_id == identity_id)
    await session.execute(delete(LinkedIdentity).where(*mine))


async def delete_all(session: AsyncSession, user_id: UUID) -> None:
    await session.execute(delete(LinkedIdentity).where(LinkedIdentity.user_id == user_id))

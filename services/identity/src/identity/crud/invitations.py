from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from identity.crud.scopes import Supervisor
from identity.models import Invitation


async def put(
    session: AsyncSession,
    supervisor: Supervisor,
    *,
    invitation_id: UUID,
    email: str,
    digest: bytes,
    lifetime: timedelta,
) -> Invitation:
    """In the place of the open one that the address has, if there is one."""
    values = {
        "invitation_id": invitation_id,
        "digest": digest,
        "invited_by": supervisor.user_id,
        "created_at": func.now(),
        "expires_at": func.now() + lifetime,
    }
    statement = insert(Invitation).values(email=email, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[Invitation.email], index_where=Invitation.used_at.is_(None), set_=values
    )
    return (await session.execute(statement.returning(Invitation))).scalar_one()


async def list_all(session: AsyncSession, _: Supervisor, page: Slice, *, is_open: bool | None) -> list[Invitation]:
    query = paging.apply(select(Invitation), page, at=Invitation.created_at, key=Invitation.invitation_id)
    is_over = or_(Invitation.used_at.is_not(None), Invitation.expires_at <= func.now())
    if is_open is not None:
        query = query.where(~is_over if is_open else is_over)
    return list((await session.execute(query)).scalars())


async def delete_open(session: AsyncSession, _: Supervisor, invitation_id: UUID) -> bool:
    """False: there is none of that id, or it was used."""
    statement = delete(Invitation).where(Invitation.invitation_id == invitation_id, Invitation.used_at.is_(None))
    return (await session.execute(statement.returning(Invitation.invitation_id))).scalar_one_or_none() is not None


async def use(session: AsyncSession, digest: bytes, *, email: str) -> UUID | None:
    """Its id; None: it is none, another address's, too old or used."""
    statement = (
        update(Invitation)
        .where(
            Invitation.digest == digest,
            Invitation.email == email,
            Invitation.used_at.is_(None),
            Invitation.expires_at > func.now(),
        )
        .values(used_at=func.now())
        .returning(Invitation.invitation_id)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def use_of_address(session: AsyncSession, email: str) -> UUID | None:
    """For somebody who has shown otherwise that the address is theirs. None: it has no open invitation."""
    is_open = (Invitation.used_at.is_(None), Invitation.expires_at > func.now())
    statement = update(Invitation).where(Invitation.email == email, *is_open).values(used_at=func.now())
    return (await session.execute(statement.returning(Invitation.invitation_id))).scalar_one_or_none()


async def delete_used(session: AsyncSession, email: str) -> None:
    """Of an address that is nobody's any more: who used one is not known by it."""
    await session.execute(delete(Invitation).where(Invitation.email == email, Invitation.used_at.is_not(None)))


async def delete_of_address(session: AsyncSession, email: str) -> None:
    await session.execute(delete(Invitation).where(Invitation.email == email))


async def delete_old(session: AsyncSession, *, age: timedelta, limit: int) -> int:
    """Those that expired that long ago, used or not, `limit` at most; how many it was."""
    old = select(Invitation.invitation_id).where(Invitation.expires_at < func.now() - age).limit(limit)
    statement = delete(Invitation).where(Invitation.invitation_id.in_(old)).returning(Invitation.invitation_id)
    return len((await session.execute(statement)).all())

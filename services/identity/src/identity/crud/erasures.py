from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.crud.scopes import Supervisor
from identity.models import (
    AccountToken,
    ApiKey,
    Base,
    Credential,
    Erasure,
    Invitation,
    LinkedIdentity,
    MfaChallenge,
    PlatformSettingChange,
    RecoveryCode,
    Session,
    TenantInvitation,
    TotpFactor,
    User,
)

_GONE = (Credential, AccountToken, TotpFactor, RecoveryCode, MfaChallenge, LinkedIdentity)


def _personal(user_id: UUID) -> list[tuple[type[Base], ColumnElement[bool]]]:
    """The rows that hold something personal of a user: all of those that go, and what stays without it."""
    change = PlatformSettingChange
    return [
        *((model, model.user_id == user_id) for model in _GONE),
        (User, and_(User.user_id == user_id, User.anonymised_at.is_(None))),
        (ApiKey, and_(ApiKey.user_id == user_id, ApiKey.name != "")),
        (Session, and_(Session.user_id == user_id, (Session.user_agent != "") | Session.ip.is_not(None))),
        (change, and_(change.changed_by == user_id, func.num_nonnulls(change.ip, change.user_agent) > 0)),
    ]


def _addressed(email: str, digest: bytes, *, only_used: bool) -> list[tuple[type[Base], ColumnElement[bool]]]:
    """The invitations that name the address; with `only_used`, those that somebody signed up with."""
    letters = (Invitation.email == email, Invitation.used_at.is_not(None) if only_used else true())
    tenants = (
        TenantInvitation.address_digest == digest,
        TenantInvitation.used_at.is_not(None) if only_used else true(),
    )
    return [(Invitation, and_(*letters)), (TenantInvitation, and_(*tenants))]


async def count_personal(
    session: AsyncSession, user_id: UUID, *, email: str, digest: bytes, only_used: bool
) -> dict[str, int]:
    """By table, where there is any. `email`: the address that the user had, and its digest, which must be presented.

    `only_used`: of the invitations to it, those that somebody signed up with.
    """
    found: dict[str, int] = {}
    for model, condition in (*_personal(user_id), *_addressed(email, digest, only_used=only_used)):
        count = (await session.execute(select(func.count()).select_from(model).where(condition))).scalar_one()
        if count:
            table = model.__table__
            assert isinstance(table, Table)  # noqa: S101  each of them is one
            found[table.fullname] = count
    return found


async def add(
    session: AsyncSession, *, user_id: UUID, service: str, erased_at: datetime, erased: dict[str, int], remaining: int
) -> None:
    """The same report again changes nothing."""
    values = {"user_id": user_id, "service": service, "erased_at": erased_at}
    statement = insert(Erasure).values(**values, erased=erased, remaining=remaining)
    await session.execute(statement.on_conflict_do_nothing())


async def list_of(session: AsyncSession, _: Supervisor, user_id: UUID) -> list[Erasure]:
    """Oldest first."""
    query = select(Erasure).where(Erasure.user_id == user_id).order_by(Erasure.erased_at)
    return list((await session.execute(query)).scalars())

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import projection
from identity.models import TENANCY, TenantInvitation


async def put(session: AsyncSession, invitation_id: UUID, *, version: int, **values: Any) -> None:
    """Unless a newer version stands there already."""
    table = TenantInvitation.__table__
    assert isinstance(table, Table)  # noqa: S101  it is mapped to one
    await projection.upsert(session, table, version=version, invitation_id=invitation_id, **values)


async def get_place(session: AsyncSession, invitation_id: UUID) -> Row[UUID, UUID | None] | None:
    """Its org and partner."""
    query = select(TenantInvitation.org_id, TenantInvitation.partner_id)
    return (await session.execute(query.where(TenantInvitation.invitation_id == invitation_id))).one_or_none()


async def list_open(
    session: AsyncSession, address: bytes, *, tokens: Collection[bytes] | None
) -> Sequence[Row[UUID, UUID, UUID | None]]:
    """Those of the address that can be used: their id, org and partner; with `tokens`, those that have one of them.

    `address`: its digest, which the transaction has shown (`chassis.tenant.present`).
    """
    query = select(TenantInvitation.invitation_id, TenantInvitation.org_id, TenantInvitation.partner_id).where(
        TenantInvitation.address_digest == address,
        TenantInvitation.is_open,
        TenantInvitation.used_at.is_(None),
        TenantInvitation.expires_at > func.now(),
    )
    if tokens is not None:
        query = query.where(TenantInvitation.token_digest.in_(tokens))
    return (await session.execute(query.order_by(TenantInvitation.invitation_id))).all()


async def is_active(session: AsyncSession, org_id: UUID, partner_id: UUID | None) -> bool:
    """One that nobody has told of is active, as everywhere."""
    tenants = TENANCY.tenants.c
    query = select(tenants.tenant_id).where(tenants.tenant_id.in_((org_id, partner_id)), ~tenants.is_active)
    return (await session.execute(query.limit(1))).first() is None


async def update_used(session: AsyncSession, invitation_id: UUID) -> bool:
    """False: somebody else was faster."""
    statement = update(TenantInvitation).where(
        TenantInvitation.invitation_id == invitation_id, TenantInvitation.used_at.is_(None)
    )
    statement = statement.values(used_at=func.now()).returning(TenantInvitation.invitation_id)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def delete_of_address(session: AsyncSession, address: bytes) -> None:
    """`address`: its digest, which the transaction has shown."""
    await session.execute(delete(TenantInvitation).where(TenantInvitation.address_digest == address))


async def delete_used(session: AsyncSession, address: bytes) -> None:
    """`address`: its digest, which the transaction has shown."""
    used = (TenantInvitation.address_digest == address, TenantInvitation.used_at.is_not(None))
    await session.execute(delete(TenantInvitation).where(*used))


async def delete_old(session: AsyncSession, *, age: timedelta, limit: int) -> int:
    """Those that nobody can use any more and that were told of that long ago, `limit` at most; how many it was."""
    over = (~TenantInvitation.is_open) | (TenantInvitation.expires_at < func.now())
    old = select(TenantInvitation.invitation_id).where(over, TenantInvitation.noted_at < func.now() - age).limit(limit)
    statement = delete(TenantInvitation).where(TenantInvitation.invitation_id.in_(old))
    return len((await session.execute(statement.returning(TenantInvitation.invitation_id))).all())

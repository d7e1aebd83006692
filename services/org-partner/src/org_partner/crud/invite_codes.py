from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import ClassScope, InviteScope
from org_partner.models import InviteCode


async def add(
    session: AsyncSession,
    scope: ClassScope,
    *,
    invite_code_id: UUID,
    code_hash: bytes,
    max_uses: int,
    lifetime: timedelta,
) -> InviteCode:
    tenant = {"org_id": scope.org_id, "partner_id": scope.partner_id, "class_id": scope.class_id}
    values = {"invite_code_id": invite_code_id, "code_hash": code_hash, "max_uses": max_uses}
    statement = insert(InviteCode).values(**values, **tenant, expires_at=func.now() + lifetime)
    code = (await session.execute(statement.returning(InviteCode))).scalar_one()
    # RETURNING gives the table's columns, not the one that is computed from them.
    await session.refresh(code, ["state"])
    return code


async def list_for_class(session: AsyncSession, scope: ClassScope, page: Slice) -> Sequence[InviteCode]:
    query = select(InviteCode).where(InviteCode.class_id == scope.class_id, InviteCode.org_id == scope.org_id)
    query = paging.apply(query, page, at=InviteCode.created_at, key=InviteCode.invite_code_id)
    return (await session.execute(query)).scalars().all()


async def update_revoked(session: AsyncSession, scope: ClassScope, invite_code_id: UUID) -> bool:
    """False: the class has no such code. A code that was revoked before keeps its first time."""
    statement = (
        update(InviteCode)
        .where(InviteCode.invite_code_id == invite_code_id)
        .where(InviteCode.class_id == scope.class_id, InviteCode.org_id == scope.org_id)
        .values(revoked_at=func.coalesce(InviteCode.revoked_at, func.now()))
        .returning(InviteCode.invite_code_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def update_used(session: AsyncSession, scope: InviteScope) -> bool:
    """Count one use. Condition and count are one statement, so of many at once no more than `max_uses` get True."""
    statement = (
        update(InviteCode)
        .where(InviteCode.invite_code_id == scope.invite_code_id)
        .where(InviteCode.used_count < InviteCode.max_uses)
        .where(InviteCode.expires_at > func.now(), InviteCode.revoked_at.is_(None))
        .values(used_count=InviteCode.used_count + 1)
        .returning(InviteCode.invite_code_id)
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None

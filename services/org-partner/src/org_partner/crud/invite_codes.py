from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import ClassScope, InviteScope, PlatformScope
from org_partner.models import InviteCode


async def add(session: AsyncSession, scope: ClassScope, *, lifetime: timedelta, **values: Any) -> InviteCode:
    statement = insert(InviteCode).values(**values, **_tenant(scope), expires_at=func.now() + lifetime)
    code = (await session.execute(statement.returning(InviteCode))).scalar_one()
    # RETURNING gives the table's columns, not the one that is computed from them.
    await session.refresh(code, ["state"])
    return code


async def add_many(
    session: AsyncSession, scope: ClassScope, rows: Sequence[dict[str, Any]], *, lifetime: timedelta
) -> datetime:
    """Until when they are good."""
    values = [{**row, **_tenant(scope), "expires_at": func.now() + lifetime} for row in rows]
    found = await session.execute(insert(InviteCode).values(values).returning(InviteCode.expires_at))
    return found.scalars().all()[0]


async def list_for_class(
    session: AsyncSession, scope: ClassScope, page: Slice, *, state: str | None = None
) -> Sequence[InviteCode]:
    query = select(InviteCode).where(InviteCode.class_id == scope.class_id, InviteCode.org_id == scope.org_id)
    if state is not None:
        query = query.where(InviteCode.state == state)
    query = paging.apply(query, page, at=InviteCode.created_at, key=InviteCode.invite_code_id)
    return (await session.execute(query)).scalars().all()


async def list_recipients(session: AsyncSession, scope: ClassScope, hashes: Collection[bytes]) -> set[bytes]:
    """Which of these addresses have a code of the class that can still be used."""
    query = select(InviteCode.recipient_hash).where(
        InviteCode.class_id == scope.class_id,
        InviteCode.org_id == scope.org_id,
        InviteCode.recipient_hash.in_(hashes),
        InviteCode.state == "active",
    )
    return {found for found in (await session.execute(query)).scalars() if found is not None}


async def lock(session: AsyncSession, scope: ClassScope, invite_code_id: UUID) -> InviteCode | None:
    query = select(InviteCode).where(InviteCode.invite_code_id == invite_code_id)
    query = query.where(InviteCode.class_id == scope.class_id, InviteCode.org_id == scope.org_id)
    return (await session.execute(query.with_for_update())).scalar_one_or_none()


async def update_revoked(session: AsyncSession, scope: ClassScope, invite_code_id: UUID) -> None:
    """Of a locked row."""
    statement = update(InviteCode).where(InviteCode.invite_code_id == invite_code_id)
    statement = statement.where(InviteCode.class_id == scope.class_id, InviteCode.org_id == scope.org_id)
    await session.execute(statement.values(revoked_at=func.now()).execution_options(synchronize_session=False))


async def update_recipients_forgotten(session: AsyncSession, _scope: PlatformScope) -> None:
    """Of codes that nobody can use any more: even a hash of an address is kept no longer than it is needed."""
    spent = (InviteCode.recipient_hash.is_not(None), InviteCode.state != "active")
    statement = update(InviteCode).where(*spent).values(recipient_hash=None)
    await session.execute(statement.execution_options(synchronize_session=False))


async def update_used(session: AsyncSession, scope: InviteScope) -> InviteCode | None:
    """Count one use. Condition and count are one statement, so of many at once no more than `max_uses` get the row."""
    statement = (
        update(InviteCode)
        .where(InviteCode.invite_code_id == scope.invite_code_id)
        .where(InviteCode.used_count < InviteCode.max_uses)
        # Not now(): that is when the transaction began, and this one may have waited for the class.
        .where(InviteCode.expires_at > func.clock_timestamp(), InviteCode.revoked_at.is_(None))
        .values(used_count=InviteCode.used_count + 1)
        .returning(InviteCode)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


def _tenant(scope: ClassScope) -> dict[str, UUID]:
    return {"org_id": scope.org_id, "partner_id": scope.partner_id, "class_id": scope.class_id}

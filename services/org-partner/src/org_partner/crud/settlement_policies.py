from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import OrgScope
from org_partner.models import SettlementPolicy


async def lock(session: AsyncSession, scope: OrgScope) -> None:
    """One new policy of an org at a time, so that versions have no gaps and no day has two."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended('settlement_policies:' || :org_id, 0))")
    await session.execute(statement, {"org_id": str(scope.org_id)})


async def add(session: AsyncSession, scope: OrgScope, *, policy_id: UUID, **values: Any) -> SettlementPolicy:
    """With the org's next version."""
    used = select(func.coalesce(func.max(SettlementPolicy.version), 0)).where(SettlementPolicy.org_id == scope.org_id)
    statement = insert(SettlementPolicy).values(
        policy_id=policy_id, org_id=scope.org_id, version=used.scalar_subquery() + 1, **values
    )
    policy = (await session.execute(statement.returning(SettlementPolicy))).scalar_one()
    await session.refresh(policy, ["state"])
    return policy


async def get(session: AsyncSession, scope: OrgScope, policy_id: UUID) -> SettlementPolicy | None:
    query = select(SettlementPolicy).where(SettlementPolicy.policy_id == policy_id)
    query = query.where(SettlementPolicy.org_id == scope.org_id).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def get_effective(session: AsyncSession, scope: OrgScope, at: datetime) -> SettlementPolicy | None:
    """The one that holds at that moment."""
    query = (
        select(SettlementPolicy)
        .where(SettlementPolicy.org_id == scope.org_id, SettlementPolicy.withdrawn_at.is_(None))
        .where(SettlementPolicy.effective_from <= at)
        .order_by(SettlementPolicy.effective_from.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def is_day_taken(session: AsyncSession, scope: OrgScope, effective_from: datetime) -> bool:
    query = (
        select(SettlementPolicy.policy_id)
        .where(SettlementPolicy.org_id == scope.org_id, SettlementPolicy.withdrawn_at.is_(None))
        .where(SettlementPolicy.effective_from == effective_from)
    )
    return (await session.execute(query)).scalar_one_or_none() is not None


async def list_for_org(
    session: AsyncSession, scope: OrgScope, page: Slice, *, state: str | None
) -> Sequence[SettlementPolicy]:
    query = select(SettlementPolicy).where(SettlementPolicy.org_id == scope.org_id)
    if state is not None:
        query = query.where(SettlementPolicy.state == state)
    query = paging.apply(query, page, at=SettlementPolicy.adopted_at, key=SettlementPolicy.policy_id)
    return (await session.execute(query)).scalars().all()


async def update_withdrawn(session: AsyncSession, scope: OrgScope, policy_id: UUID, *, by: UUID) -> bool:
    """False: there is none that could still be withdrawn. Decided by the database's clock, like what is in effect."""
    statement = (
        update(SettlementPolicy)
        .where(SettlementPolicy.policy_id == policy_id, SettlementPolicy.org_id == scope.org_id)
        .where(SettlementPolicy.withdrawn_at.is_(None), SettlementPolicy.effective_from > func.clock_timestamp())
        .values(withdrawn_at=func.now(), withdrawn_by=by)
        .returning(SettlementPolicy.policy_id)
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None

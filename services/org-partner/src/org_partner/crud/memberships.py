from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import OrgScope, PartnerScope
from org_partner.models import Membership

Scope = OrgScope | PartnerScope


async def add(
    session: AsyncSession, scope: Scope, *, membership_id: UUID, user_id: UUID, role: str
) -> Membership | None:
    """None: the user has a role in that very org or partner already."""
    values = {"membership_id": membership_id, "user_id": user_id, "role": role}
    statement = insert(Membership).values(**values, org_id=scope.org_id, partner_id=_partner_id(scope))
    statement = statement.on_conflict_do_nothing(
        index_elements=[Membership.user_id, Membership.org_id, Membership.partner_id]
    )
    return (await session.execute(statement.returning(Membership))).scalar_one_or_none()


async def get(session: AsyncSession, scope: Scope, *, user_id: UUID) -> Membership:
    query = select(Membership).where(
        Membership.user_id == user_id,
        Membership.org_id == scope.org_id,
        Membership.partner_id.is_not_distinct_from(_partner_id(scope)),
    )
    return (await session.execute(query)).scalar_one()


def _partner_id(scope: Scope) -> UUID | None:
    return scope.partner_id if isinstance(scope, PartnerScope) else None

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import AnyScope, OrgScope
from org_partner.models import Org, OrgDomain


async def add(session: AsyncSession, scope: OrgScope, *, domain_id: UUID, domain: str) -> OrgDomain | None:
    """None: it is an org's already."""
    statement = insert(OrgDomain).values(domain_id=domain_id, org_id=scope.org_id, domain=domain)
    statement = statement.on_conflict_do_nothing(index_elements=[OrgDomain.domain])
    return (await session.execute(statement.returning(OrgDomain))).scalar_one_or_none()


async def delete_one(session: AsyncSession, scope: OrgScope, domain: str) -> UUID | None:
    """Its id; None: the org has no such domain."""
    statement = delete(OrgDomain).where(OrgDomain.org_id == scope.org_id, OrgDomain.domain == domain)
    return (await session.execute(statement.returning(OrgDomain.domain_id))).scalar_one_or_none()


async def list_for_org(
    session: AsyncSession, scope: OrgScope, page: Slice, *, domain: str | None
) -> Sequence[OrgDomain]:
    query = select(OrgDomain).where(OrgDomain.org_id == scope.org_id)
    if domain is not None:
        query = query.where(OrgDomain.domain.icontains(domain, autoescape=True))
    query = paging.apply(query, page, at=OrgDomain.created_at, key=OrgDomain.domain_id)
    return (await session.execute(query)).scalars().all()


async def has_any(session: AsyncSession, scope: OrgScope) -> bool:
    return (await session.execute(select(exists().where(OrgDomain.org_id == scope.org_id)))).scalar_one()


async def takes(session: AsyncSession, scope: AnyScope, domain: str) -> bool:
    """Whether the org gives roles to addresses of this domain: it does not limit them, or the domain is its own."""
    limits = exists().where(Org.org_id == scope.org_id, Org.members_only_from_domains)
    own = exists().where(OrgDomain.org_id == scope.org_id, OrgDomain.domain == domain)
    return (await session.execute(select(~limits | own))).scalar_one()

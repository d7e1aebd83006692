"""How much a tenant may store. Enforced in the transaction that writes the document, so that no two share a place."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Guard
from chassis.database import Database
from contracts.tenancy import Tenant
from ingest.crud import document_use
from ingest.crud.document_use import Use
from ingest.errors import QUOTA_BYTES, QUOTA_DOCUMENTS, QUOTA_ORG_BYTES, QuotaExceeded
from ingest.service import permission

__all__ = ["Limits", "QuotaService", "Standing", "Use"]


@dataclass(frozen=True, slots=True)
class Limits:
    """0: none."""

    documents: int
    user_bytes: int
    org_bytes: int


@dataclass(frozen=True)
class Standing:
    """What is used, and what may be. `orgs`: those that the user has a part in, if orgs have a limit."""

    limits: Limits
    user: Use
    orgs: dict[UUID, Use]


class QuotaService:
    def __init__(self, database: Database, platform: Guard) -> None:
        self._database = database
        self._platform = platform

    async def limits(self) -> Limits:
        """As the platform is set now; asked for before a transaction, not inside of one."""
        return Limits(
            documents=await self._platform.value("documents.max_per_user"),
            user_bytes=await self._platform.value("documents.max_bytes_per_user"),
            org_bytes=await self._platform.value("documents.max_bytes_per_org"),
        )

    async def standing(self, user_id: UUID) -> Standing:
        limits = await self.limits()
        async with self._database.transaction(tenant.of_user(user_id)) as session:
            orgs = await permission.orgs_of(session, user_id) if limits.org_bytes else frozenset()
            return Standing(
                limits,
                await document_use.of_user(session, user_id),
                {each: await document_use.of_org(session, each) for each in sorted(orgs)},
            )


async def lock(session: AsyncSession, place: Tenant, limits: Limits) -> None:
    """Before the document is written: who comes next counts it. A user is locked before an org, always."""
    if limits.documents or limits.user_bytes:
        await document_use.lock(session, place.user_id)
    if limits.org_bytes and place.org_id:
        await document_use.lock(session, place.org_id)


async def check(
    session: AsyncSession, place: Tenant, limits: Limits, *, size_bytes: int, besides: UUID | None = None
) -> None:
    """Whether one more document of this size fits. `besides`: that very one, when it is written already.

    Raises:
        QuotaExceeded: it does not.
    """
    if limits.documents:
        use = await document_use.of_user(session, place.user_id, besides=besides)
        if use.documents >= limits.documents:
            raise QuotaExceeded(QUOTA_DOCUMENTS, used=use.documents, limit=limits.documents)
    await check_bytes(session, place, limits, size_bytes=size_bytes, besides=besides)


async def check_bytes(
    session: AsyncSession, place: Tenant, limits: Limits, *, size_bytes: int, besides: UUID | None = None
) -> None:
    """Whether so many bytes more fit, whatever the number of documents. Raises QuotaExceeded."""
    if limits.user_bytes:
        use = await document_use.of_user(session, place.user_id, besides=besides)
        if use.size_bytes + size_bytes > limits.user_bytes:
            raise QuotaExceeded(QUOTA_BYTES, used=use.size_bytes, limit=limits.user_bytes, size_bytes=size_bytes)
    if limits.org_bytes and place.org_id:
        use = await document_use.of_org(session, place.org_id, besides=besides)
        if use.size_bytes + size_bytes > limits.org_bytes:
            raise QuotaExceeded(QUOTA_ORG_BYTES, used=use.size_bytes, limit=limits.org_bytes, size_bytes=size_bytes)

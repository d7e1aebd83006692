"""What the caller may search and talk with. Default deny; searches take the proof made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from contracts.tenancy import Tenant
from rag.crud import documents, memberships
from rag.errors import CLASS_NOT_FOUND, DOCUMENT_NOT_FOUND
from rag.models import TENANCY
from rag.service.routing import Reading, Rule
from tenancy.access import access_of


@dataclass(frozen=True)
class Searchable:
    """Proof of what the caller may search, and of who pays for it."""

    tenant: Tenant
    scopes: tuple[str, ...]
    document_ids: tuple[UUID, ...] = ()

    def filters(self) -> dict[str, Any]:
        """The filter of every index query; made here alone, never from what a caller sends."""
        found: dict[str, Any] = {"scopes": {"any": list(self.scopes)}}
        if self.document_ids:
            found["doc_id"] = {"any": [str(document_id) for document_id in self.document_ids]}
        return found


async def attended(session: AsyncSession, user_id: UUID, class_id: UUID) -> None:
    """
    Raises:
        NotFound: the user is not in the class, or there is none.
    """
    access = await access_of(session, TENANCY, user_id)
    if class_id not in access.classes:
        raise NotFound(CLASS_NOT_FOUND)


async def searchable(
    session: AsyncSession, user_id: UUID, *, class_id: UUID | None, document_ids: Sequence[UUID]
) -> Searchable:
    """What this user may search, narrowed to the documents named.

    Raises:
        NotFound: a class that the user is not in, or a document that they may not see; like missing ones.
    """
    access = await access_of(session, TENANCY, user_id)
    tenant = access.tenant(class_id)
    if tenant is None:
        raise NotFound(CLASS_NOT_FOUND)
    wanted = tuple(dict.fromkeys(document_ids))
    if wanted:
        seen = await documents.list_ids_for_scopes(session, wanted, scopes=access.scopes)
        missing = set(wanted) - set(seen)
        if missing:
            raise NotFound(DOCUMENT_NOT_FOUND, document_ids=sorted(map(str, missing)))
    return Searchable(tenant, access.scopes, wanted)


async def reading(session: AsyncSession, user_id: UUID, rule: Rule) -> Reading:
    """Where this user's searches read. What they may see there is `searchable`'s alone to say."""
    org_ids = await memberships.list_org_ids_of_user(session, user_id) if rule.names_orgs else ()
    return rule.reading(user_id, org_ids)

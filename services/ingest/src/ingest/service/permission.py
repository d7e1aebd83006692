"""Who may see and do what with documents. Default deny; the proofs made here are what queries ask for."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden, NotFound
from contracts.tenancy import Tenant
from ingest.errors import CLASS_NOT_FOUND, SHARING_REFUSED
from ingest.models import TENANCY
from tenancy.access import access_of, class_scope, user_scope


@dataclass(frozen=True)
class Visible:
    """Proof of what the caller may see: documents of one of these scopes."""

    user_id: UUID
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Placement:
    """Proof that the caller may put a document here: who pays for it, and who may search it."""

    tenant: Tenant
    scopes: tuple[str, ...]


async def visible_to(session: AsyncSession, user_id: UUID) -> Visible:
    access = await access_of(session, TENANCY, user_id)
    return Visible(user_id, access.scopes)


async def place(session: AsyncSession, user_id: UUID, *, class_id: UUID | None, shared: bool) -> Placement:
    """Where a new document of this user goes.

    Raises:
        NotFound: no such class, or the user has no part in it, or it is closed.
        Forbidden: sharing with the class is its instructors' right.
    """
    access = await access_of(session, TENANCY, user_id)
    tenant = access.tenant(class_id)
    if tenant is None:
        raise NotFound(CLASS_NOT_FOUND)
    own = user_scope(user_id)
    if not shared:
        return Placement(tenant, (own,))
    if class_id is None or not access.classes[class_id].teaches:
        raise Forbidden(SHARING_REFUSED)
    return Placement(tenant, (own, class_scope(class_id)))

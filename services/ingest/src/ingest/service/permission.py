"""Who may see and do what with documents. Default deny; the proofs made here are what queries ask for."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden, NotFound
from contracts.tenancy import Tenant
from ingest.crud import shelves
from ingest.errors import AGENT_NOT_FOUND, CLASS_NOT_FOUND, PROJECT_NOT_FOUND, SHARING_REFUSED
from ingest.models import TENANCY, SharedWith, Shelf
from tenancy.access import access_of, class_scope, user_scope


@dataclass(frozen=True)
class Visible:
    """Proof of what the caller may see: their own documents, and those shared with one of these classes."""

    user_id: UUID
    class_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class Placement:
    """Proof that the caller may put a document here: who pays for it, and with which class it is shared."""

    tenant: Tenant
    class_id: UUID | None = None

    @property
    def scopes(self) -> list[str]:
        return scopes_of(self.tenant.user_id, [class_scope(self.class_id)] if self.class_id else [])


def scopes_of(owner_id: UUID, others: Iterable[str]) -> list[str]:
    """Who may find a document: its owner, and whom these scopes name."""
    return [user_scope(owner_id), *sorted(others)]


async def visible_to(session: AsyncSession, user_id: UUID) -> Visible:
    access = await access_of(session, TENANCY, user_id)
    return Visible(user_id, tuple(access.classes))


async def orgs_of(session: AsyncSession, user_id: UUID) -> frozenset[UUID]:
    """Those of the classes that the user reaches."""
    access = await access_of(session, TENANCY, user_id)
    return frozenset(each.org_id for each in access.classes.values())


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
    if not shared:
        return Placement(tenant)
    if class_id is None or not access.classes[class_id].teaches:
        raise Forbidden(SHARING_REFUSED)
    return Placement(tenant, class_id)


async def own_shelf(
    session: AsyncSession, user_id: UUID, kind: SharedWith, shelf_id: UUID, *, locked: bool = False
) -> Shelf:
    """A project or an agent of this user. `locked`: it stays as it is as long as the transaction lasts.

    Raises:
        NotFound: the same for another's as for none.
    """
    found = await shelves.get_own(session, shelf_id, kind=kind, owner_id=user_id, locked=locked)
    if found is None:
        raise NotFound(AGENT_NOT_FOUND if kind is SharedWith.AGENT else PROJECT_NOT_FOUND)
    return found

"""What the caller may search and talk with. Default deny; searches take the proof made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden, Invalid, NotFound
from contracts.tenancy import Tenant
from rag.crud import agents, documents, memberships, projects
from rag.errors import (
    AGENT_NOT_FOUND,
    CLASS_NOT_FOUND,
    DOCUMENT_NOT_FOUND,
    PROJECT_NOT_FOUND,
    SEARCH_PLACES,
    TEACHERS_ALONE,
)
from rag.models import TENANCY, Agent
from rag.service.routing import Reading, Rule
from tenancy.access import Access, access_of


@dataclass(frozen=True)
class Searchable:
    """Proof of what the caller may search, and of who pays for it. `instructions`: of the agent that is asked."""

    tenant: Tenant
    scopes: tuple[str, ...]
    document_ids: tuple[UUID, ...] = ()
    instructions: str = ""

    def filters(self) -> dict[str, Any]:
        """The filter of every index query; made here alone, never from what a caller sends."""
        found: dict[str, Any] = {"scopes": {"any": list(self.scopes)}}
        if self.document_ids:
            found["doc_id"] = {"any": [str(document_id) for document_id in self.document_ids]}
        return found


def project_scope(project_id: UUID) -> str:
    """The label of the documents in it."""
    return f"project:{project_id}"


def agent_scope(agent_id: UUID) -> str:
    return f"agent:{agent_id}"


async def attended(session: AsyncSession, user_id: UUID, class_id: UUID) -> None:
    """
    Raises:
        NotFound: the user is not in the class, or there is none.
    """
    access = await access_of(session, TENANCY, user_id)
    if class_id not in access.classes:
        raise NotFound(CLASS_NOT_FOUND)


async def open_classes(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """Those that the user is in and that are not over."""
    access = await access_of(session, TENANCY, user_id)
    return [place.class_id for place in access.classes.values() if place.is_open]


async def taught(session: AsyncSession, user_id: UUID, class_id: UUID | None) -> Tenant:
    """Whose an agent of this user in this class is.

    Raises:
        NotFound: the user is not in the class, or it is closed, or there is none.
        Forbidden: they do not teach there.
    """
    access = await access_of(session, TENANCY, user_id)
    tenant = access.tenant(class_id)
    if tenant is None:
        raise NotFound(CLASS_NOT_FOUND)
    if class_id is not None and not access.classes[class_id].teaches:
        raise Forbidden(TEACHERS_ALONE)
    return tenant


async def owned_project(session: AsyncSession, user_id: UUID, project_id: UUID) -> None:
    """Raises NotFound."""
    if await projects.get(session, project_id, owner_id=user_id) is None:
        raise NotFound(PROJECT_NOT_FOUND)


async def reachable_agent(session: AsyncSession, user_id: UUID, agent_id: UUID) -> Agent:
    """The user's own, or one of a class that they are in.

    Raises:
        NotFound: the same for another's as for none.
    """
    access = await access_of(session, TENANCY, user_id)
    return await _agent(session, access, agent_id)


async def searchable(
    session: AsyncSession,
    user_id: UUID,
    *,
    class_id: UUID | None = None,
    document_ids: Sequence[UUID] = (),
    project_id: UUID | None = None,
    agent_id: UUID | None = None,
) -> Searchable:
    """What this user may search: everything they may see, or what is in a project or an agent; of it, the documents
    named.

    Raises:
        NotFound: a class that the user is not in, a project or an agent that is not theirs to ask, or a document that
            they do not find there; like missing ones.
        Invalid: more than one place to search in, or to pay for it.
    """
    if agent_id is not None and (project_id is not None or class_id is not None):
        raise Invalid(SEARCH_PLACES)
    access = await access_of(session, TENANCY, user_id)
    scopes, instructions = access.scopes, ""
    tenant = access.tenant(class_id)
    if agent_id is not None:
        agent = await _agent(session, access, agent_id)
        scopes, instructions = (agent_scope(agent_id),), agent.instructions
        # An owner whose part in the class is over has it to themselves, and pays.
        tenant = access.tenant(agent.class_id) or Tenant(user_id=user_id)
    if tenant is None:
        raise NotFound(CLASS_NOT_FOUND)
    if project_id is not None:
        await owned_project(session, user_id, project_id)
        scopes = (project_scope(project_id),)
    return Searchable(tenant, scopes, await _seen(session, document_ids, scopes=scopes), instructions)


async def reading(session: AsyncSession, user_id: UUID, rule: Rule) -> Reading:
    """Where this user's searches read. What they may see there is `searchable`'s alone to say."""
    org_ids = await memberships.list_org_ids_of_user(session, user_id) if rule.names_orgs else ()
    return rule.reading(user_id, org_ids)


async def _agent(session: AsyncSession, access: Access, agent_id: UUID) -> Agent:
    class_ids = [place.class_id for place in access.classes.values() if place.is_open]
    found = await agents.get_open(session, agent_id, user_id=access.user_id, class_ids=class_ids)
    if found is None:
        raise NotFound(AGENT_NOT_FOUND)
    return found


async def _seen(session: AsyncSession, document_ids: Sequence[UUID], *, scopes: tuple[str, ...]) -> tuple[UUID, ...]:
    wanted = tuple(dict.fromkeys(document_ids))
    if wanted:
        seen = await documents.list_ids_for_scopes(session, wanted, scopes=scopes)
        missing = set(wanted) - set(seen)
        if missing:
            raise NotFound(DOCUMENT_NOT_FOUND, document_ids=sorted(map(str, missing)))
    return wanted

"""Facts of documents that contradict what is known: of a document in another tenant, or for classes that are not its,
or in projects and agents that are not its owner's.

What would explain a fact comes through another durable, and perhaps later; where it may, the event is tried again for
a while before it is refused.
"""

import re
from typing import NoReturn
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Invalid, Unavailable
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared
from contracts.tenancy import Tenant
from rag.crud import agents, documents, projects
from rag.errors import DOCUMENT_CONTRADICTED, DOCUMENT_UNSETTLED
from rag.models import TENANCY, UNTOLD_ORG, Document
from tenancy.access import ClassPlace, classes_by_id, staff_of, user_scope
from tenancy.contradictions import TRIES

_SCOPE = re.compile(r"(class|project|agent):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


async def refuse(
    session: AsyncSession, event: ChunksEmbedded | DocumentShared | DocumentDeleted, *, attempt: int
) -> None:
    """
    Raises:
        Invalid: forged, or told by a service that has gone wrong.
        Unavailable: it may be neither.
    """
    known = await documents.get(session, event.document_id)
    if known is not None and not _is_of(known, event.tenant):
        _contradicted()
    scoped = [] if isinstance(event, DocumentDeleted) else _ids(event, "class")
    place = event.tenant.class_id
    classes = await classes_by_id(session, TENANCY, {*scoped, *([place] if place else [])})
    if place in classes and not _is_in(event.tenant, classes[place]):
        _contradicted()
    for class_id in scoped:
        if class_id in classes:
            await _refuse_class(session, event.tenant, classes[class_id], attempt=attempt)
    if not isinstance(event, DocumentDeleted) and set((await _owners(session, event)).values()) - {
        event.tenant.user_id
    }:
        # Nobody puts anything into a project or an agent of somebody else.
        _contradicted()


async def believed(session: AsyncSession, event: ChunksEmbedded | DocumentShared) -> list[str]:
    """Its scopes without those of projects and agents that there are no more: ingest may hear of their end later."""
    there = {str(shelf_id) for shelf_id in await _owners(session, event)}
    return [each for each in event.scopes if not each.startswith(("project:", "agent:")) or each.split(":")[1] in there]


def _is_of(known: Document, tenant: Tenant) -> bool:
    return known.owner_id in (None, tenant.user_id) and known.org_id in (UNTOLD_ORG, tenant.org_id)


def _is_in(tenant: Tenant, place: ClassPlace) -> bool:
    return (tenant.org_id, tenant.partner_id) == (place.org_id, place.partner_id)


async def _owners(session: AsyncSession, event: ChunksEmbedded | DocumentShared) -> dict[UUID, UUID]:
    """Of the projects and agents that it names and that there are."""
    named = await projects.owners_of(session, _ids(event, "project"))
    return named | await agents.owners_of(session, _ids(event, "agent"))


def _ids(event: ChunksEmbedded | DocumentShared, kind: str) -> list[UUID]:
    """Besides its classes, and its owner's projects and agents, a document is its owner's and nobody else's."""
    own = user_scope(event.tenant.user_id)
    found = [_SCOPE.fullmatch(scope) for scope in event.scopes if scope != own]
    if None in found:
        _contradicted()
    return [UUID(each[2]) for each in found if each and each[1] == kind]


async def _refuse_class(session: AsyncSession, tenant: Tenant, place: ClassPlace, *, attempt: int) -> None:
    if tenant.org_id == place.org_id:
        return
    if tenant.org_id is not None:
        _contradicted()
    # A personal document is shared by somebody who teaches there, or did when it was.
    if not await staff_of(session, TENANCY, org_id=place.org_id, user_ids=[tenant.user_id]):
        if attempt < TRIES:
            raise Unavailable(DOCUMENT_UNSETTLED)
        _contradicted()


def _contradicted() -> NoReturn:
    raise Invalid(DOCUMENT_CONTRADICTED)

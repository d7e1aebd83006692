"""Facts of documents that contradict what is known: of a document in another tenant, or for classes that are not its.

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
from rag.crud import documents
from rag.errors import DOCUMENT_CONTRADICTED, DOCUMENT_UNSETTLED
from rag.models import TENANCY, UNTOLD_ORG, Document
from tenancy.access import ClassPlace, classes_by_id, staff_of, user_scope
from tenancy.contradictions import TRIES

_CLASS_SCOPE = re.compile(r"class:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


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
    scoped = [] if isinstance(event, DocumentDeleted) else _class_ids(event.scopes, event.tenant)
    place = event.tenant.class_id
    classes = await classes_by_id(session, TENANCY, {*scoped, *([place] if place else [])})
    if place in classes and not _is_in(event.tenant, classes[place]):
        _contradicted()
    for class_id in scoped:
        if class_id in classes:
            await _refuse_class(session, event.tenant, classes[class_id], attempt=attempt)


def _is_of(known: Document, tenant: Tenant) -> bool:
    return known.owner_id in (None, tenant.user_id) and known.org_id in (UNTOLD_ORG, tenant.org_id)


def _is_in(tenant: Tenant, place: ClassPlace) -> bool:
    return (tenant.org_id, tenant.partner_id) == (place.org_id, place.partner_id)


def _class_ids(scopes: list[str], tenant: Tenant) -> list[UUID]:
    """Besides its classes a document is its owner's, and nobody else's."""
    found = [_CLASS_SCOPE.fullmatch(scope) for scope in scopes if scope != user_scope(tenant.user_id)]
    if None in found:
        _contradicted()
    return [UUID(each[1]) for each in found if each]


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

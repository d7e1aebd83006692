"""Keeps in mind which documents there are, from ingest's facts; a deleted one is no material any more."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Invalid
from contracts.ingest import ChunksEmbedded, DocumentDeleted, DocumentShared, DocumentUploaded
from org_partner.crud import class_materials, classes, documents, users
from org_partner.crud.scopes import PlatformScope
from org_partner.errors import EVENT_DISAGREES
from org_partner.models import Document
from org_partner.service import activities, class_events, permission
from org_partner.service.activities import DocumentFact

# Of one version, the later in life is the newer fact.
_LIFE = (DocumentUploaded, ChunksEmbedded, DocumentShared, DocumentDeleted)
_USER, _CLASS = "user", "class"


class DocumentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, fact: DocumentFact, delivery: Delivery) -> None:
        """
        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: the fact's tenant does not hold together, it is another one's document, or it would be open to
                people of another tenant.
        """
        async with self._database.transaction(tenant.PLATFORM, once=delivery) as session:
            scope = permission.of_documents()
            await permission.check_event_tenant(session, fact.tenant)
            if isinstance(fact, ChunksEmbedded | DocumentShared):
                await permission.check_event_scopes(session, fact.tenant, _classes_of(fact))
            await documents.lock(session, scope, fact.document_id)
            known = await documents.get(session, scope, fact.document_id)
            _check_owner(known, fact)
            is_open = known is not None and fact.tenant.class_id in known.class_ids
            await self._project(session, scope, fact)
            if isinstance(fact, DocumentDeleted):
                await self._withdraw(session, scope, fact.document_id)
            await activities.note_document(session, fact, is_open=is_open)

    async def _withdraw(self, session: AsyncSession, scope: PlatformScope, document_id: UUID) -> None:
        """Out of every class that has it; none gets it meanwhile, because the document is locked."""
        class_ids = await class_materials.list_classes(session, scope, document_id)
        # The classes before what is in them, as whoever changes a class's materials does.
        await classes.lock_many(session, scope, class_ids)
        for class_id in class_ids:
            if await class_materials.delete_document(session, scope, document_id, class_id):
                group = await classes.update_configured(session, scope, class_id)
                await class_events.configured(session, scope, group)

    async def _project(self, session: AsyncSession, scope: PlatformScope, fact: DocumentFact) -> None:
        is_live = not isinstance(fact, DocumentDeleted)
        owner = await users.get(session, fact.tenant.user_id)
        named: dict[str, Any] = {}
        # A deletion does not name the document, and must not take its name away. What somebody who is forgotten named
        # it, stays forgotten.
        if not isinstance(fact, DocumentDeleted) and (owner is None or owner.status != users.ANONYMISED):
            named = {"title": fact.title}
        if isinstance(fact, ChunksEmbedded | DocumentShared):
            named["class_ids"] = _classes_of(fact)
        await documents.update_projection(
            session,
            scope,
            document_id=fact.document_id,
            owner_id=fact.tenant.user_id,
            org_id=fact.tenant.org_id,
            partner_id=fact.tenant.partner_id,
            class_id=fact.tenant.class_id,
            is_live=is_live,
            version=fact.version * len(_LIFE) + _LIFE.index(type(fact)),
            **named,
        )


def _check_owner(known: Document | None, fact: DocumentFact) -> None:
    if known is not None and (known.owner_id, known.org_id) != (fact.tenant.user_id, fact.tenant.org_id):
        raise Invalid(EVENT_DISAGREES)


def _classes_of(fact: ChunksEmbedded | DocumentShared) -> list[UUID]:
    """Of ingest's labels for who finds a document, those that name a class.

    Raises:
        Invalid: a label names no class, or another person than the owner.
    """
    found = []
    for scope in fact.scopes:
        kind, _, name = scope.partition(":")
        try:
            of = UUID(name) if kind in (_USER, _CLASS) else None
        except ValueError as error:
            raise Invalid(EVENT_DISAGREES) from error
        if kind == _USER and of != fact.tenant.user_id:
            raise Invalid(EVENT_DISAGREES)
        if kind == _CLASS and of is not None:
            found.append(of)
    return found

"""Keeps in mind which documents there are, from ingest's facts; a deleted one is no material any more."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Invalid
from contracts.ingest import DocumentDeleted
from org_partner.crud import class_materials, classes, documents, users
from org_partner.crud.scopes import PlatformScope
from org_partner.errors import EVENT_DISAGREES
from org_partner.service import activities, class_events, permission
from org_partner.service.activities import DocumentFact


class DocumentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, fact: DocumentFact, delivery: Delivery) -> None:
        """
        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: the fact's tenant does not hold together, or it is another one's document.
        """
        async with self._database.transaction(tenant.PLATFORM, once=delivery) as session:
            scope = permission.of_documents()
            await permission.check_event_tenant(session, fact.tenant)
            await self._check_owner(session, scope, fact)
            await self._project(session, scope, fact)
            if isinstance(fact, DocumentDeleted):
                for class_id in await class_materials.delete_document(session, scope, fact.document_id):
                    group = await classes.update_configured(session, scope, class_id)
                    await class_events.configured(session, scope, group)
            await activities.note_document(session, fact)

    async def _check_owner(self, session: AsyncSession, scope: PlatformScope, fact: DocumentFact) -> None:
        known = await documents.get(session, scope, fact.document_id)
        told = (fact.tenant.user_id, fact.tenant.org_id)
        if known is not None and (known.owner_id, known.org_id) != told:
            raise Invalid(EVENT_DISAGREES)

    async def _project(self, session: AsyncSession, scope: PlatformScope, fact: DocumentFact) -> None:
        is_live = not isinstance(fact, DocumentDeleted)
        owner = await users.get(session, fact.tenant.user_id)
        named: dict[str, Any] = {}
        # A deletion does not name the document, and must not take its name away. What somebody who is forgotten named
        # it, stays forgotten.
        if not isinstance(fact, DocumentDeleted) and (owner is None or owner.status != users.ANONYMISED):
            named = {"title": fact.title}
        await documents.update_projection(
            session,
            scope,
            document_id=fact.document_id,
            owner_id=fact.tenant.user_id,
            org_id=fact.tenant.org_id,
            partner_id=fact.tenant.partner_id,
            class_id=fact.tenant.class_id,
            is_live=is_live,
            # Of one version the end is the newer fact.
            version=fact.version * 2 + (0 if is_live else 1),
            **named,
        )

"""Which classes a document is open to.

A document's row is the word: whom its scopes name may find it. The indexes follow (`service/syncing.py`), and never
show a document to anybody whom the row does not name. So a class that is added stands in the row first, and one that
leaves is taken out of the indexes first. The version orders it all: every change of what an index shall show has one
of its own, and the index refuses what is older. A run that is cut off anywhere is made up for by the sweep.
"""

import logging
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, outbox, tenant
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.org_partner import ClassConfigured, ClassOpened, MembershipGranted
from ingest.crud import class_materials, document_classes, documents, indexes
from ingest.models import TENANCY, ClassMaterials, Document
from ingest.service.permission import scopes_of
from ingest.service.syncing import SyncService, shared_event, was_told
from retrieval.chunks import MAX_SCOPES
from tenancy.access import Staff, classes_by_id, staff_of
from tenancy.contradictions import refuse_class

log = logging.getLogger(__name__)


class SharingService:
    def __init__(self, database: Database, syncs: SyncService) -> None:
        self._database = database
        self._syncs = syncs

    async def share(self, event: ClassConfigured, *, once: Delivery) -> None:
        """Open to the class what it lists now, and close to it what it no longer lists.

        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: the class is another org's or partner's.
            Unavailable: database or index; the message comes again.
        """
        try:
            async with self._database.transaction(tenant.PLATFORM, once=once) as session:
                await self._configure(session, event, attempt=once.attempt)
        finally:
            # Also of an earlier run of this message, which may have been cut off here.
            await self._settle_all(event.class_id)

    async def reconsider(self, session: AsyncSession, event: MembershipGranted) -> list[UUID]:
        """Somebody has a part in an org now, so what its classes list of theirs may be shared.

        Returns the documents of which the indexes are to be told once this is committed.
        """
        listings = await class_materials.list_of_org_for_update(session, event.org_id)
        listed = {each for listing in listings for each in listing.material_ids}
        own = await documents.list_living_for_update(session, listed, owner_id=event.user_id) if listed else []
        for listing in listings:
            held = {each.document_id for each in await document_classes.list_for_class(session, listing.class_id)}
            new = [each for each in own if each.document_id in listing.material_ids and each.document_id not in held]
            await self._open(session, listing, new)
        return [each.document_id for each in own]

    async def withdraw(self, session: AsyncSession, event: ClassOpened) -> list[UUID]:
        """A list may come before its class is known, and then nobody can tell whether it is the class's partner's. Of
        another one, it has opened documents to people who are not theirs, and they are closed again.

        Returns the documents of which the indexes are to be told once this is committed.
        """
        listing = await class_materials.get_for_update(session, event.class_id)
        if listing is None or (listing.org_id, listing.partner_id) == (event.org_id, event.partner_id):
            return []
        log.warning("class %s was given materials by partner %s", event.class_id, listing.partner_id)
        held = await document_classes.list_for_class(session, event.class_id)
        locked = await documents.list_living_for_update(session, {each.document_id for each in held})
        await document_classes.update_listed(session, event.class_id, [])
        for document in locked:
            await self._rescope(session, document)
        listing.org_id, listing.partner_id, listing.material_ids, listing.version = (
            event.org_id,
            event.partner_id,
            [],
            0,
        )
        target = f"class/{event.class_id}"
        await audit.record(session, "materials.withdrawn", actor=None, target=target, documents=len(locked))
        return [each.document_id for each in locked]

    async def _settle_all(self, class_id: UUID) -> None:
        async with self._database.transaction(tenant.PLATFORM) as session:
            due = await indexes.list_due_of_class(session, class_id)
        for document_id in due:
            await self._syncs.sync(document_id)

    async def _configure(self, session: AsyncSession, event: ClassConfigured, *, attempt: int) -> None:
        place = {"org_id": event.org_id, "partner_id": event.partner_id}
        await refuse_class(session, TENANCY, event.class_id, **place, attempt=attempt)
        listed = list(dict.fromkeys(event.material_ids))
        values = {"class_id": event.class_id, **place, "material_ids": listed}
        if not await class_materials.update_newer(session, version=event.version, **values):
            return
        before = {each.document_id for each in await document_classes.list_for_class(session, event.class_id)}
        # All of them at once: two messages that each took one lock after another could wait for each other.
        locked = await documents.list_living_for_update(session, before | set(listed))
        # Again, because a document's classes stand still only while it is locked.
        held = {each.document_id: each for each in await document_classes.list_for_class(session, event.class_id)}
        # Those on their way out are among them: what is listed again before it has wholly left stays.
        turned = [
            each
            for each in locked
            if (known := held.get(each.document_id)) and known.is_listed != (each.document_id in listed)
        ]
        await document_classes.update_listed(session, event.class_id, listed)
        for document in turned:
            if not held[document.document_id].by_upload:
                await self._rescope(session, document)
        new = [each for each in locked if each.document_id in listed and each.document_id not in held]
        await self._open(session, ClassMaterials(version=event.version, **values), new)

    async def _open(self, session: AsyncSession, listing: ClassMaterials, candidates: list[Document]) -> None:
        """DocumentClass with the class those that it may show; the documents are locked."""
        owners = {each.owner_id for each in candidates}
        staff = await staff_of(session, TENANCY, org_id=listing.org_id, user_ids=owners) if owners else []
        for document in candidates:
            may = _may_share(document, listing, staff) or await _is_open_there(session, document, listing)
            if may and await self._has_room(session, document, listing.class_id):
                await document_classes.add(session, document, listing.class_id, by_upload=False)
                await self._rescope(session, document)

    async def _has_room(self, session: AsyncSession, document: Document, class_id: UUID) -> bool:
        held = len(await document_classes.list_for_document(session, document.document_id))
        # The owner's scope, and this class's, have to fit as well.
        if held + 2 > MAX_SCOPES:
            log.warning("%s is open to %d classes, and not to %s", document.document_id, held, class_id)
            return False
        return True

    async def _rescope(self, session: AsyncSession, document: Document) -> None:
        """The row's word after its classes have changed; the indexes are told afterwards."""
        held = await document_classes.list_for_document(session, document.document_id)
        staying = scopes_of(document.owner_id, [each.class_id for each in held if each.stays])
        promised = scopes_of(document.owner_id, [each.class_id for each in held])
        document.updated_at = now()
        if document.live_revision is None:
            # No index shows it to anybody yet, and what it will show is what the row says then.
            document.scopes = staying
            await document_classes.delete_leaving(session, document.document_id)
            return
        gains = set(promised) > set(document.scopes)
        if gains:
            document.version += 1
            document.scopes = promised
            if was_told(document):
                await outbox.add(session, shared_event(document))
        if not gains or staying != promised:
            document.version += 1
        await indexes.mark_due(session, document.document_id)


def _may_share(document: Document, listing: ClassMaterials, staff: Iterable[Staff]) -> bool:
    """Of somebody who teaches at the class's partner, or for the org above it: what belongs to no org, or to this one.

    A student's own work is never a material, and another org's document neither.
    """
    teaches = any(each.user_id == document.owner_id and each.teaches_at(listing.partner_id) for each in staff)
    return teaches and document.org_id in (None, listing.org_id)


async def _is_open_there(session: AsyncSession, document: Document, listing: ClassMaterials) -> bool:
    """To a class of the partner: what was shared rightly may be in its other classes too, when its owner has left."""
    held = await document_classes.list_for_document(session, document.document_id)
    places = await classes_by_id(session, TENANCY, [each.class_id for each in held if each.stays])
    return any(each.partner_id == listing.partner_id for each in places.values())

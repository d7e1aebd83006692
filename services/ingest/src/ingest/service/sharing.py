"""Which classes a document is open to: what each lists, as far as it may. How that acts: `service/scoping.py`."""

import logging
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, tenant
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.org_partner import ClassConfigured, ClassOpened, MembershipGranted
from ingest.crud import class_materials, document_shares, documents, indexes
from ingest.models import TENANCY, ClassMaterials, Document
from ingest.service.scoping import has_room, rescope
from ingest.service.syncing import SyncService
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
            await self.settle(event.class_id)

    async def settle(self, target_id: UUID) -> None:
        """Tell the indexes of every document that is, or was, open to this class, project or agent.

        Raises Unavailable.
        """
        async with self._database.transaction(tenant.PLATFORM) as session:
            due = await indexes.list_due_of_target(session, target_id)
        for document_id in due:
            await self._syncs.sync(document_id)

    async def reconsider(self, session: AsyncSession, event: MembershipGranted) -> list[UUID]:
        """Somebody has a part in an org now, so what its classes list of theirs may be shared.

        Returns the documents of which the indexes are to be told once this is committed.
        """
        listings = await class_materials.list_of_org_for_update(session, event.org_id)
        listed = {each for listing in listings for each in listing.material_ids}
        own = await documents.list_living_for_update(session, listed, owner_id=event.user_id) if listed else []
        for listing in listings:
            held = {each.document_id for each in await document_shares.list_for_target(session, listing.class_id)}
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
        held = await document_shares.list_for_target(session, event.class_id)
        locked = await documents.list_living_for_update(session, {each.document_id for each in held})
        await document_shares.update_listed(session, event.class_id, [])
        for document in locked:
            await rescope(session, document)
        listing.org_id, listing.partner_id, listing.material_ids, listing.version = (
            event.org_id,
            event.partner_id,
            [],
            0,
        )
        target = f"class/{event.class_id}"
        await audit.record(session, "materials.withdrawn", actor=None, target=target, documents=len(locked))
        return [each.document_id for each in locked]

    async def _configure(self, session: AsyncSession, event: ClassConfigured, *, attempt: int) -> None:
        place = {"org_id": event.org_id, "partner_id": event.partner_id}
        await refuse_class(session, TENANCY, event.class_id, **place, attempt=attempt)
        listed = list(dict.fromkeys(event.material_ids))
        values = {"class_id": event.class_id, **place, "material_ids": listed}
        if not await class_materials.update_newer(session, version=event.version, **values):
            return
        before = {each.document_id for each in await document_shares.list_for_target(session, event.class_id)}
        # All of them at once: two messages that each took one lock after another could wait for each other.
        locked = await documents.list_living_for_update(session, before | set(listed))
        # Again, because a document's classes stand still only while it is locked.
        held = {each.document_id: each for each in await document_shares.list_for_target(session, event.class_id)}
        # Those on their way out are among them: what is listed again before it has wholly left stays.
        turned = [
            each
            for each in locked
            if (known := held.get(each.document_id)) and known.is_listed != (each.document_id in listed)
        ]
        await document_shares.update_listed(session, event.class_id, listed)
        for document in turned:
            if not held[document.document_id].by_upload:
                await rescope(session, document)
        new = [each for each in locked if each.document_id in listed and each.document_id not in held]
        await self._open(session, ClassMaterials(version=event.version, **values), new)

    async def _open(self, session: AsyncSession, listing: ClassMaterials, candidates: list[Document]) -> None:
        """Share with the class those that it may show; the documents are locked."""
        owners = {each.owner_id for each in candidates}
        staff = await staff_of(session, TENANCY, org_id=listing.org_id, user_ids=owners) if owners else []
        for document in candidates:
            may = _may_share(document, listing, staff) or await _is_open_there(session, document, listing)
            if not may:
                continue
            if not await has_room(session, document.document_id):
                log.warning("%s is open to too many, and not to %s", document.document_id, listing.class_id)
                continue
            await document_shares.add(session, document, listing.class_id)
            await rescope(session, document)


def _may_share(document: Document, listing: ClassMaterials, staff: Iterable[Staff]) -> bool:
    """Of somebody who teaches at the class's partner, or for the org above it: what belongs to no org, or to this one.

    A student's own work is never a material, and another org's document neither.
    """
    teaches = any(each.user_id == document.owner_id and each.teaches_at(listing.partner_id) for each in staff)
    return teaches and document.org_id in (None, listing.org_id)


async def _is_open_there(session: AsyncSession, document: Document, listing: ClassMaterials) -> bool:
    """To a class of the partner: what was shared rightly may be in its other classes too, when its owner has left."""
    held = await document_shares.list_for_document(session, document.document_id)
    places = await classes_by_id(session, TENANCY, [each.target_id for each in held if each.stays])
    return any(each.partner_id == listing.partner_id for each in places.values())

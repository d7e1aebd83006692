"""Keeps the projection of who is what where, from org-partner's facts."""

import logging

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.errors import Unavailable
from contracts.event import Event
from contracts.org_partner import ClassOpened, MembershipGranted
from ingest.crud import erased_users
from ingest.models import TENANCY
from ingest.service.sharing import SharingService
from ingest.service.syncing import SyncService
from tenancy.projection import project

log = logging.getLogger(__name__)


class TenancyService:
    def __init__(self, database: Database, sharing: SharingService, syncs: SyncService) -> None:
        self._database = database
        self._sharing = sharing
        self._syncs = syncs

    async def project(self, event: Event, *, once: Delivery) -> None:
        """Of an erased user nothing is kept, also not what comes late.

        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: the event contradicts what is known of whose something is.
            Unavailable: the database; or what the event says may be a move that is not wholly known yet.
        """
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            user_id = getattr(event, "user_id", None)
            if user_id is not None and await erased_users.is_erased(session, user_id):
                return
            await project(session, TENANCY, event, attempt=once.attempt)
            match event:
                case MembershipGranted():
                    changed = await self._sharing.reconsider(session, event)
                case ClassOpened():
                    changed = await self._sharing.withdraw(session, event)
                case _:
                    return
        try:
            for document_id in changed:
                await self._syncs.sync(document_id)
        except Unavailable as error:
            log.warning("what %s changes for documents is left to the sweep: %s", event.type, error)

"""Keeps the projection of who is what where, from org-partner's facts."""

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.event import Event
from rag.crud import erased_users
from rag.models import TENANCY
from tenancy.projection import project


class TenancyService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def project(self, event: Event, *, once: Delivery) -> None:
        """Of an erased user nothing is kept, also not what comes late.

        Raises:
            AlreadyHandled: this delivery's effect stands.
            Invalid: the event contradicts what is known of whose something is.
            Unavailable: the database; or what the event says may be a move that is not wholly known yet.
        """
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            user_id = getattr(event, "user_id", None)
            if user_id is None or not await erased_users.is_erased(session, user_id):
                await project(session, TENANCY, event, attempt=once.attempt)

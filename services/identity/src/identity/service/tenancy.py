"""Keeps the projection of who is what where, from org-partner's facts: it decides what is asked of a login."""

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.event import Event
from identity.models import TENANCY
from tenancy.projection import project


class TenancyService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def project(self, event: Event, *, once: Delivery) -> None:
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            await project(session, TENANCY, event, attempt=once.attempt)

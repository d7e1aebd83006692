"""Keeps the projection of who is what where, from org-partner's facts."""

from chassis.database import Database
from chassis.delivery import Delivery
from contracts.event import Event
from tenancy.projection import project
from usage_metrics.models import TENANCY


class TenancyService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def project(self, event: Event, *, once: Delivery) -> None:
        async with self._database.transaction(once=once) as session:
            await project(session, TENANCY, event)

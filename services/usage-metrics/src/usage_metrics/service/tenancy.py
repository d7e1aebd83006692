"""Keeps the projection of who is what where, from org-partner's facts."""

from typing import Any

from chassis import tenant
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.event import Event
from tenancy.projection import project
from usage_metrics.crud import erased_users, places
from usage_metrics.models import TENANCY
from usage_metrics.service.places import Chain, pairs_of


class TenancyService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def project(self, event: Event, *, once: Delivery) -> None:
        """What is told of an erased user (the end of their enrolments, say) leaves no trace of them."""
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            await places.note(session, pairs_of(_chain(event)))
            user_id = getattr(event, "user_id", None)
            if user_id is None or not await erased_users.is_erased(session, user_id):
                await project(session, TENANCY, event, attempt=once.attempt)


def _chain(event: Any) -> Chain:
    return getattr(event, "class_id", None), getattr(event, "partner_id", None), getattr(event, "org_id", None)

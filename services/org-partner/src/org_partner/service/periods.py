"""Opening and closing: by hand, and by the calendar, which goes by the database's clock."""

import asyncio
import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict, Invalid, Unavailable
from org_partner.crud import classes, guessing_sources, invite_codes, sent_letters
from org_partner.crud.scopes import ClassScope, PlatformScope
from org_partner.errors import CLASS_IS_CLOSED, CLASS_IS_DRAFT, PERIOD_INVALID
from org_partner.models import Class
from org_partner.service import acts, class_events, letter_limits, permission

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
_BATCH = 100


async def settle(session: AsyncSession, scope: ClassScope | PlatformScope, *, limit: int = 1) -> int:
    """Close and open what the calendar says, and tell of it. How many there were."""
    ended = await classes.update_closed_when_due(session, scope, limit=limit)
    for group in ended:
        await class_events.closed(session, group)
        await _record(session, None, "class.closed", scope, group)
    begun = await classes.update_opened_when_due(session, scope, limit=limit)
    for group in begun:
        await class_events.opened(session, scope, group)
        await _record(session, None, "class.opened", scope, group)
    return len(ended) + len(begun)


def check_period(opens_at: datetime | None, closes_at: datetime | None) -> None:
    """
    Raises:
        Invalid: it ends before it begins, or is over.
    """
    if closes_at is not None and (closes_at <= now() or (opens_at is not None and opens_at >= closes_at)):
        raise Invalid(PERIOD_INVALID)


class PeriodService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, caller: Principal, class_id: UUID) -> Class:
        """Publish a draft; it begins at once, or when `opens_at` comes. Again: nothing changes.

        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller does not teach there.
            Conflict: it is closed.
            Invalid: its period is over.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            group = await classes.lock(session, scope)
            if group.status == "closed":
                raise Conflict(CLASS_IS_CLOSED)
            if group.status == "draft":
                check_period(group.opens_at, group.closes_at)
                await classes.update_values(session, scope, status="open")
                await _record(session, caller, "class.published", scope, group)
                await settle(session, scope)
        return group

    async def close(self, caller: Principal, class_id: UUID) -> Class:
        """Nobody works in it any more; who is enrolled stays so. Again: nothing changes.

        Raises:
            NotFound, Forbidden: as for opening.
            Conflict: it is a draft.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            group = await classes.lock(session, scope)
            if group.status == "draft":
                raise Conflict(CLASS_IS_DRAFT)
            if group.status == "open":
                await classes.update_closed(session, scope)
                await class_events.closed(session, group)
                await _record(session, caller, "class.closed", scope, group)
        return group

    async def reopen(self, caller: Principal, class_id: UUID, *, closes_at: datetime | None = None) -> Class:
        """`closes_at`: the new end; without one an end that has passed is taken away. Again: nothing changes.

        Raises:
            NotFound, Forbidden: as for opening.
            Conflict: it is a draft.
            Invalid: the new end has passed, or comes before the beginning.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            group = await classes.lock(session, scope)
            if group.status == "draft":
                raise Conflict(CLASS_IS_DRAFT)
            if group.status == "closed":
                still = group.closes_at if group.closes_at and group.closes_at > now() else None
                check_period(group.opens_at, closes_at)
                ends = closes_at or still
                await classes.update_values(
                    session, scope, status="open", opened_at=None, closed_at=None, closes_at=ends
                )
                await _record(session, caller, "class.reopened", scope, group)
                await settle(session, scope)
        return group

    async def run(self) -> None:
        """Until cancelled; a background loop of the worker. Any number of replicas may run it."""
        while True:
            try:
                while await self.tick():
                    pass
            except Unavailable as error:
                log.warning("the calendar waits: %s", error)
            await asyncio.sleep(POLL_SECONDS)

    async def tick(self) -> bool:
        """What is due now, at most a batch of each kind, and what was kept for a time. False: nothing was due."""
        async with self._database.transaction(tenant.PLATFORM) as session:
            scope = permission.of_calendar()
            await guessing_sources.delete_old(session, scope)
            await sent_letters.delete_old(session, scope, window=letter_limits.ORG_WINDOW)
            await invite_codes.update_recipients_forgotten(session, scope)
            return await settle(session, scope, limit=_BATCH) > 0


async def _record(
    session: AsyncSession, actor: Principal | None, action: str, scope: ClassScope | PlatformScope, group: Class
) -> None:
    place = scope if isinstance(scope, ClassScope) else permission.over_class(scope, group)
    await acts.record(session, actor, action, place, target=f"class/{group.class_id}")

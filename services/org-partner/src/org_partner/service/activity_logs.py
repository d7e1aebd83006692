"""The activity log as those who run an org, a partner or a class read and export it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Invalid, Locale
from chassis.paging import Slice
from org_partner.crud import activities
from org_partner.crud.activities import ActivityFilter
from org_partner.crud.scopes import ClassScope, OrgScope, PartnerScope
from org_partner.errors import DAYS_REVERSED
from org_partner.service import activities_csv, acts, days, permission

_PAGE = 500


@dataclass(frozen=True, slots=True)
class OfOrg:
    org_id: UUID


@dataclass(frozen=True, slots=True)
class OfPartner:
    partner_id: UUID


@dataclass(frozen=True, slots=True)
class OfClass:
    class_id: UUID


Log = OfOrg | OfPartner | OfClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a request asks for; absent is no limit. Days are in Asia/Seoul, both inclusive."""

    action: str | None = None
    action_prefix: str | None = None
    actor_id: UUID | None = None
    target: str | None = None
    partner_id: UUID | None = None
    class_id: UUID | None = None
    first: date | None = None
    last: date | None = None


class ActivityLogService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_of(
        self, caller: Principal, log: Log, page: Slice, wanted: Wanted
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """
        Raises:
            NotFound: no such org, partner or class for the caller, or a filter names one that is not in there.
            Forbidden: the caller neither administers the org nor teaches in the partner or class.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await _enter(session, caller, log)
            await permission.narrowed(session, scope, partner_id=wanted.partner_id, class_id=wanted.class_id)
            return await activities.list_for_scope(session, scope, page, _filter(wanted))

    async def export(self, caller: Principal, log: Log, wanted: Wanted, *, locale: Locale) -> AsyncIterator[bytes]:
        """Lines of CSV, read page by page while they are sent. The export is an activity itself.

        Raises:
            NotFound, Forbidden: as for the list.
            Invalid: the first day is after the last one.
        """
        _filter(wanted)
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await _enter(session, caller, log)
            await permission.narrowed(session, scope, partner_id=wanted.partner_id, class_id=wanted.class_id)
            filters = {name: str(value) for name, value in asdict(wanted).items() if value is not None}
            await acts.record(session, caller, "activities.exported", scope, target=_target(log), filters=filters)
        return self._lines(caller, log, wanted, locale)

    async def _lines(self, caller: Principal, log: Log, wanted: Wanted, locale: Locale) -> AsyncIterator[bytes]:
        yield activities_csv.head(locale)
        after: tuple[datetime, UUID] | None = None
        more = True
        while more:
            # A transaction for each page: a slow reader must not hold one open.
            found = await self.list_of(caller, log, Slice(_PAGE, after), wanted)
            rows, more = found[:_PAGE], len(found) > _PAGE
            if rows:
                yield b"".join(activities_csv.line(row) for row in rows)
                after = (rows[-1].occurred_at, rows[-1].activity_id)


def _filter(wanted: Wanted) -> ActivityFilter:
    """
    Raises:
        Invalid: the first day is after the last one.
    """
    first, last = wanted.first, wanted.last
    if first is not None and last is not None and first > last:
        raise Invalid(DAYS_REVERSED, first=first, last=last)
    return ActivityFilter(
        action=wanted.action,
        action_prefix=wanted.action_prefix,
        actor_id=wanted.actor_id,
        target=wanted.target,
        partner_id=wanted.partner_id,
        class_id=wanted.class_id,
        occurred_from=days.midnight(first) if first else None,
        occurred_to=days.midnight(last + timedelta(days=1)) if last else None,
    )


async def _enter(session: AsyncSession, caller: Principal, log: Log) -> OrgScope | PartnerScope | ClassScope:
    match log:
        case OfOrg():
            return await permission.in_org(session, caller, log.org_id, allowed=permission.ADMINISTER)
        case OfPartner():
            return await permission.in_partner(session, caller, log.partner_id, allowed=permission.TEACH)
        case OfClass():
            return await permission.in_class(session, caller, log.class_id, allowed=permission.TEACH)


def _target(log: Log) -> str:
    match log:
        case OfOrg():
            return f"org/{log.org_id}"
        case OfPartner():
            return f"partner/{log.partner_id}"
        case OfClass():
            return f"class/{log.class_id}"

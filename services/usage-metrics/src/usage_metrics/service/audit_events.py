"""The audit log: writes down what every service reports, once, and shows each person their part of it."""

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from chassis.paging import Slice
from contracts.audit import AuditEntry
from usage_metrics.crud import audit_events, audit_origins, erased_users
from usage_metrics.crud.audit_events import AuditSelection
from usage_metrics.crud.reach import Asked, Period
from usage_metrics.service import places
from usage_metrics.service.audit_facts import chains_of, facts_of, origin_of
from usage_metrics.service.periods import period_of
from usage_metrics.service.permission import audit_reach_of

log = logging.getLogger(__name__)

EXPORT_PAGE = 500

type Entry = Row[Any]


@dataclass(frozen=True, kw_only=True)
class AuditFilters:
    """What a request asks for; absent is no limit. Days are in Asia/Seoul, both inclusive."""

    first: date | None = None
    last: date | None = None
    org_id: UUID | None = None
    partner_id: UUID | None = None
    class_id: UUID | None = None
    action: str | None = None
    outcome: str | None = None
    actor_id: UUID | None = None
    target: str | None = None
    publisher: str | None = None
    ip: str | None = None


@dataclass(frozen=True, kw_only=True)
class Export:
    """`pages`: all entries of the period that the caller may see, newest first."""

    period: Period
    pages: AsyncIterator[Sequence[Entry]]


class AuditService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: AuditEntry, *, once: Delivery) -> None:
        """The entry, where its actor came from, and the inbox mark commit together.

        Raises:
            Invalid: its class, partner and org do not belong together, or its action is no action.
            Unavailable: they do not belong together as far as is known by now.
        """
        facts, origin, chains = facts_of(entry), origin_of(entry), chains_of(entry)
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            await places.check(session, *chains, once=once)
            if not await audit_events.add(session, **facts):
                log.warning(
                    "audit event %s is in the log already; event %s adds nothing", entry.audit_id, once.event_id
                )
            elif origin and not (origin["user_id"] and await erased_users.is_erased(session, origin["user_id"])):
                await audit_origins.add(session, **origin)

    async def list_entries(self, caller: Principal, filters: AuditFilters, page: Slice) -> Sequence[Entry]:
        """Newest first, one more than the page holds when there is a next one.

        Raises:
            Invalid: the period does not fit.
            NotFound: a tenant that the caller has no part in.
        """
        period = period_of(filters.first, filters.last, now=now())
        async with self._database.transaction(tenant.of(caller), snapshot=True) as session:
            return await _list(session, caller, filters, period, page)

    async def export(self, caller: Principal, filters: AuditFilters) -> Export:
        """The first page is read and the export itself noted before this returns. Raises as `list_entries` does."""
        period = period_of(filters.first, filters.last, now=now())
        async with self._database.transaction(tenant.of(caller)) as session:
            entries = await _list(session, caller, filters, period, Slice(EXPORT_PAGE))
            await _note_export(session, caller, filters, period)
        return Export(period=period, pages=self._pages(caller, filters, period, entries))

    async def _pages(
        self, caller: Principal, filters: AuditFilters, period: Period, entries: Sequence[Entry]
    ) -> AsyncIterator[Sequence[Entry]]:
        """A transaction for each page: whoever reads slowly holds none open, and a right that is taken away ends it."""
        yield entries[:EXPORT_PAGE]
        while len(entries) > EXPORT_PAGE:
            last = entries[EXPORT_PAGE - 1]
            page = Slice(EXPORT_PAGE, after=(last.occurred_at, last.audit_id))
            async with self._database.transaction(tenant.of(caller), snapshot=True) as session:
                entries = await _list(session, caller, filters, period, page)
            yield entries[:EXPORT_PAGE]


async def _list(
    session: AsyncSession, caller: Principal, filters: AuditFilters, period: Period, page: Slice
) -> Sequence[Entry]:
    asked = Asked(org_id=filters.org_id, partner_id=filters.partner_id, class_id=filters.class_id)
    chosen = AuditSelection(
        reach=await audit_reach_of(session, caller, asked),
        period=period,
        actions=filters.action,
        equal={name: getattr(filters, name) for name in ("outcome", "actor_id", "target", "publisher")},
        ip=filters.ip,
    )
    return await audit_events.list_entries(session, chosen, page)


async def _note_export(session: AsyncSession, caller: Principal, filters: AuditFilters, period: Period) -> None:
    # The names of the filters alone: a value of one may be a person's address.
    used = {name: value for name, value in vars(filters).items() if value is not None and name not in ("first", "last")}
    # One place: two that were asked for need not belong together, and the log would take that for a forgery.
    place = next(({name: used[name]} for name in ("org_id", "partner_id", "class_id") if name in used), {})
    await audit.record(
        session,
        "audit_log.exported",
        actor=caller,
        **place,
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        filters=list(used),
    )

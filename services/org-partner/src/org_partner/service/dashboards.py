"""What goes on in an org, a partner or a class, in numbers. What it costs, usage-metrics tells, who has the ledger."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from org_partner.crud import dashboards
from org_partner.crud.dashboards import By, DashboardScope
from org_partner.service import days, permission
from org_partner.service.days import Days

MAX_PARTS = 200


@dataclass(slots=True)
class Figures:
    """Of one place. Classes, students, codes and documents as they are now; the rest within the days asked for.

    `classes`: by state; `students`: by status, each once in the best of their enrolments. `last_activity_at`: when
    somebody last asked or uploaded something, whenever that was.
    """

    classes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("draft", "scheduled", "open", "closed"), 0))
    students: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("active", "paused", "ended"), 0))
    codes: int = 0
    uses_left: int = 0
    documents: int = 0
    questions: int = 0
    failed: int = 0
    cancelled: int = 0
    uploads: int = 0
    active_students: int = 0
    last_activity_at: datetime | None = None

    @property
    def answered(self) -> int:
        return self.questions - self.failed - self.cancelled


@dataclass(slots=True)
class DayFigures:
    day: date
    new_enrollments: int = 0
    questions: int = 0
    failed: int = 0
    cancelled: int = 0
    uploads: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A class of the partner, or a partner of the org; `state` is the one's state, the other's status."""

    id: UUID
    name: str
    state: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`parts`: the newest MAX_PARTS; `has_more_parts`: there are older ones, which `figures` counts all the same."""

    days: Days
    figures: Figures
    by_day: list[DayFigures]
    parts: list[Part] = field(default_factory=list)
    has_more_parts: bool = False


class DashboardService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_org(self, caller: Principal, org_id: UUID, *, first: date | None, last: date | None) -> Dashboard:
        """Without days, the last 30; days are in Asia/Seoul, both inclusive.

        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller does not administer the org.
            Invalid: the days are reversed or too many.
        """
        within = days.days_of(first, last)
        async with self._database.transaction(tenant.of(caller), snapshot=True) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            rows = await dashboards.list_partners(session, scope, limit=MAX_PARTS)
            parts = [(row.partner_id, row.name, row.status) for row in rows]
            return await _dashboard(session, scope, within, by="partner", parts=parts)

    async def of_partner(
        self, caller: Principal, partner_id: UUID, *, first: date | None, last: date | None
    ) -> Dashboard:
        """
        Raises:
            NotFound: no such partner for the caller.
            Forbidden: the partner or its org is suspended.
            Invalid: the days are reversed or too many.
        """
        within = days.days_of(first, last)
        async with self._database.transaction(tenant.of(caller), snapshot=True) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.ASSIST)
            rows = await dashboards.list_classes(session, scope, limit=MAX_PARTS)
            parts = [(row.class_id, row.name, row.state) for row in rows]
            return await _dashboard(session, scope, within, by="class", parts=parts)

    async def of_class(self, caller: Principal, class_id: UUID, *, first: date | None, last: date | None) -> Dashboard:
        """
        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller is a student there.
            Invalid: the days are reversed or too many.
        """
        within = days.days_of(first, last)
        async with self._database.transaction(tenant.of(caller), snapshot=True) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.ASSIST)
            return await _dashboard(session, scope, within, by="all", parts=[])


async def _dashboard(
    session: AsyncSession, scope: DashboardScope, within: Days, *, by: By, parts: list[tuple[UUID, str, str]]
) -> Dashboard:
    figures = await _figures(session, scope, within, by="all")
    each = await _figures(session, scope, within, by=by) if parts else {}
    return Dashboard(
        days=within,
        figures=figures[None],
        by_day=await _by_day(session, scope, within),
        parts=[Part(id_, name, state, each[id_]) for id_, name, state in parts[:MAX_PARTS]],
        has_more_parts=len(parts) > MAX_PARTS,
    )


async def _figures(
    session: AsyncSession, scope: DashboardScope, within: Days, *, by: By
) -> defaultdict[UUID | None, Figures]:
    found: defaultdict[UUID | None, Figures] = defaultdict(Figures)
    for row in await dashboards.count_classes(session, scope, by):
        found[row.key].classes[row.state] = row.classes
    for row in await dashboards.count_students(session, scope, by):
        found[row.key].students |= {"active": row.active, "paused": row.paused, "ended": row.ended}
    period = {"first": within.first, "last": within.last}
    _set(found, await dashboards.count_invite_codes(session, scope, by), "codes", "uses_left")
    _set(found, await dashboards.count_documents(session, scope, by), "documents")
    sums = await dashboards.sum_activity(session, scope, by, **period)
    _set(found, sums, "questions", "failed", "cancelled", "uploads")
    _set(found, await dashboards.count_active_students(session, scope, by, **period), "active_students")
    _set(found, await dashboards.get_last_activity(session, scope, by), "last_activity_at")
    return found


def _set(found: defaultdict[UUID | None, Figures], rows: Sequence[Row[*tuple[Any, ...]]], *names: str) -> None:
    for row in rows:
        for name in names:
            setattr(found[row.key], name, getattr(row, name))


async def _by_day(session: AsyncSession, scope: DashboardScope, within: Days) -> list[DayFigures]:
    """Every day of them, also those on which nothing happened."""
    count = (within.last - within.first).days + 1
    found = {day: DayFigures(day) for day in (within.first + timedelta(days=passed) for passed in range(count))}
    for row in await dashboards.count_enrollments_by_day(session, scope, starts=within.starts, ends=within.ends):
        found[row.day].new_enrollments = row.enrollments
    for row in await dashboards.sum_activity_by_day(session, scope, first=within.first, last=within.last):
        for name in ("questions", "failed", "cancelled", "uploads"):
            setattr(found[row.day], name, getattr(row, name))
    return list(found.values())

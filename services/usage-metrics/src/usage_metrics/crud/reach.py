"""What a query over usage or the audit log is allowed to read. No query runs without it."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_

from usage_metrics.models import UsageDaily, UsageEvent


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The tenant that a request names, as far as it names one."""

    org_id: UUID | None = None
    partner_id: UUID | None = None
    class_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Proof of a permission check, made by `service.permission` alone (a test holds that).

    The caller's own lines, all lines of the given orgs and partners, or everything; of these, only the lines of the
    tenant that the caller asked for and may name.
    """

    user_id: UUID
    only: Asked
    everything: bool = False
    org_ids: frozenset[UUID] = frozenset()
    partner_ids: frozenset[UUID] = frozenset()


class AuditReach(Reach):
    """The same over the audit log: what the caller did or what was done to them, the orgs and partners they lead."""


@dataclass(frozen=True, kw_only=True)
class Period:
    """Days in Asia/Seoul, both inclusive, and the same as moments: `starts` inclusive, `ends` exclusive."""

    first: date
    last: date
    starts: datetime
    ends: datetime


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The lines that a request is about."""

    reach: Reach
    period: Period
    user_id: UUID | None = None
    operation: str | None = None
    model: str | None = None


def conditions(table: type[UsageDaily | UsageEvent], chosen: Selection) -> list[ColumnElement[bool]]:
    reach = chosen.reach
    asked = {
        table.org_id: reach.only.org_id,
        table.partner_id: reach.only.partner_id,
        table.class_id: reach.only.class_id,
        table.user_id: chosen.user_id,
        table.operation: chosen.operation,
        table.model: chosen.model,
    }
    found = [column == value for column, value in asked.items() if value is not None]
    return [*within(table, chosen.period), *_visible(table, reach), *found]


def within(table: type[UsageDaily | UsageEvent], period: Period) -> list[ColumnElement[bool]]:
    if issubclass(table, UsageEvent):
        return [table.occurred_at >= period.starts, table.occurred_at < period.ends]
    return [table.day.between(period.first, period.last)]


def _visible(table: type[UsageDaily | UsageEvent], reach: Reach) -> list[ColumnElement[bool]]:
    if reach.everything:
        return []
    ways = [table.user_id == reach.user_id]
    if reach.org_ids:
        ways.append(table.org_id.in_(reach.org_ids))
    if reach.partner_ids:
        ways.append(table.partner_id.in_(reach.partner_ids))
    return [or_(*ways)]

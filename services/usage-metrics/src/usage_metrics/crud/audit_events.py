from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from usage_metrics.crud.reach import AuditReach, Period
from usage_metrics.models import TENANCY, AuditEvent, AuditOrigin


@dataclass(frozen=True, kw_only=True)
class AuditSelection:
    """The entries that a request is about. `actions`: one of them, or all that begin so, when it ends with a dot."""

    reach: AuditReach
    period: Period
    actions: str | None = None
    equal: dict[str, Any]
    ip: str | None = None


async def add(session: AsyncSession, **entry: Any) -> bool:
    """False: the log holds that entry already."""
    statement = insert(AuditEvent).values(**entry).on_conflict_do_nothing().returning(AuditEvent.audit_id)
    return (await session.execute(statement)).one_or_none() is not None


async def list_entries(session: AsyncSession, chosen: AuditSelection, page: paging.Slice) -> Sequence[Row[Any]]:
    """The columns of both models. Newest first; one more than the page holds when there is a next one."""
    query: Select[*tuple[Any, ...]] = select(*AuditEvent.__table__.c, AuditOrigin.ip, AuditOrigin.user_agent)
    query = query.outerjoin(AuditOrigin, _origin_shown(chosen.reach)).where(*_conditions(chosen))
    query = paging.apply(query, page, at=AuditEvent.occurred_at, key=AuditEvent.audit_id)
    return (await session.execute(query)).all()


def _origin_shown(reach: AuditReach) -> ColumnElement[bool]:
    """Where somebody else came from is theirs, and the supervisors'; nobody finds it by filtering either."""
    own = [] if reach.everything else [AuditEvent.actor_id == reach.user_id]
    same = AuditOrigin.audit_id == AuditEvent.audit_id
    return and_(same, AuditOrigin.occurred_at == AuditEvent.occurred_at, *own)


def _conditions(chosen: AuditSelection) -> list[ColumnElement[bool]]:
    period, only = chosen.period, chosen.reach.only
    equal = {"org_id": only.org_id, "partner_id": only.partner_id, "class_id": only.class_id, **chosen.equal}
    found = [getattr(AuditEvent, name) == value for name, value in equal.items() if value is not None]
    if chosen.actions is not None:
        whole = not chosen.actions.endswith(".")
        begins = AuditEvent.action.startswith(chosen.actions, autoescape=True)
        found.append(AuditEvent.action == chosen.actions if whole else begins)
    if chosen.ip is not None:
        found.append(AuditOrigin.ip == chosen.ip)
    within = (AuditEvent.occurred_at >= period.starts, AuditEvent.occurred_at < period.ends)
    return [*within, *_visible(chosen.reach), *found]


def _visible(reach: AuditReach) -> list[ColumnElement[bool]]:
    if reach.everything:
        return []
    ways = [AuditEvent.actor_id == reach.user_id, AuditEvent.target == f"user/{reach.user_id}"]
    if reach.org_ids:
        ways.append(AuditEvent.org_id.in_(reach.org_ids))
    if reach.partner_ids:
        classes = TENANCY.classes.c
        own = select(classes.class_id).where(classes.partner_id.in_(reach.partner_ids))
        ways += [AuditEvent.partner_id.in_(reach.partner_ids), AuditEvent.class_id.in_(own)]
    return [or_(*ways)]

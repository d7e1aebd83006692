from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import AnyScope, ClassScope, OrgScope, PartnerScope, place_of
from org_partner.models import Activity, User


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """Absent is no limit. `action_prefix`: a beginning, as `class.`; `occurred_to` is exclusive."""

    action: str | None = None
    action_prefix: str | None = None
    actor_id: UUID | None = None
    target: str | None = None
    partner_id: UUID | None = None
    class_id: UUID | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None


async def add(session: AsyncSession, scope: AnyScope, *, activity_id: UUID, **values: Any) -> bool:
    """False: it is there already. The same id again adds nothing."""
    statement = insert(Activity).values(activity_id=activity_id, **place_of(scope), **values)
    statement = statement.on_conflict_do_nothing(index_elements=[Activity.activity_id])
    added = await session.execute(statement.returning(Activity.activity_id))
    return added.scalar_one_or_none() is not None


async def list_for_scope(
    session: AsyncSession, scope: OrgScope | PartnerScope | ClassScope, page: Slice, wanted: ActivityFilter
) -> Sequence[Row[*tuple[Any, ...]]]:
    """With the actors' names, which are absent for the platform itself and for accounts that are no more."""
    query = (
        select(
            Activity.activity_id,
            Activity.occurred_at,
            Activity.action,
            Activity.actor_id,
            User.display_name.label("actor_name"),
            User.email.label("actor_email"),
            Activity.target,
            Activity.org_id,
            Activity.partner_id,
            Activity.class_id,
            Activity.detail,
        )
        .outerjoin(User, User.user_id == Activity.actor_id)
        .where(Activity.org_id == scope.org_id)
    )
    if not isinstance(scope, OrgScope):
        query = query.where(Activity.partner_id == scope.partner_id)
    if isinstance(scope, ClassScope):
        query = query.where(Activity.class_id == scope.class_id)
    for name in ("action", "actor_id", "target", "partner_id", "class_id"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(getattr(Activity, name) == value)
    if wanted.action_prefix is not None:
        query = query.where(Activity.action.startswith(wanted.action_prefix, autoescape=True))
    if wanted.occurred_from is not None:
        query = query.where(Activity.occurred_at >= wanted.occurred_from)
    if wanted.occurred_to is not None:
        query = query.where(Activity.occurred_at < wanted.occurred_to)
    query = paging.apply(query, page, at=Activity.occurred_at, key=Activity.activity_id)
    return (await session.execute(query)).all()

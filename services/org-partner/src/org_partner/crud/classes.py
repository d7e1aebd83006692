from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from org_partner.crud.scopes import ClassScope, EnrollmentScope, InviteScope, PartnerScope, PlatformScope
from org_partner.models import Class

# What is written is what the session's object holds afterwards.
_FRESH = {"synchronize_session": False, "populate_existing": True}


class ClassFilter(TypedDict, total=False):
    """`open_from`, `open_to`: those that are, were or will be open at some moment between; no draft is."""

    state: str | None
    course_id: UUID | None
    name: str | None
    open_from: datetime | None
    open_to: datetime | None


async def add(session: AsyncSession, scope: PartnerScope, *, class_id: UUID, **values: Any) -> Class:
    """Opened at once, unless it is a draft or its beginning is still to come."""
    tenant = {"org_id": scope.org_id, "partner_id": scope.partner_id}
    statement = insert(Class).values(class_id=class_id, opened_at=_opening(**values), **values, **tenant)
    return (await session.execute(statement.returning(Class))).scalar_one()


def _opening(*, status: str = "open", opens_at: datetime | None = None, **_: Any) -> ColumnElement[Any] | None:
    if status != "open":
        return None
    return func.now() if opens_at is None else case((literal(opens_at) <= func.now(), func.now()))


async def get(session: AsyncSession, scope: ClassScope) -> Class:
    return await session.get_one(Class, scope.class_id)


async def lock(session: AsyncSession, scope: ClassScope | InviteScope | EnrollmentScope) -> Class:
    """Until the transaction ends nobody else changes the class, or takes one of its seats."""
    query = select(Class).where(Class.class_id == scope.class_id, Class.org_id == scope.org_id)
    # Key share, because rows that point at the class may come all the while.
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one()


async def lock_many(session: AsyncSession, _scope: PlatformScope, class_ids: Sequence[UUID]) -> None:
    """As `lock`, in order of their ids, as everybody does who locks several."""
    query = select(Class.class_id).where(Class.class_id.in_(class_ids)).order_by(Class.class_id)
    await session.execute(query.with_for_update(key_share=True))


async def list_for_partner(
    session: AsyncSession, scope: PartnerScope, page: Slice, **wanted: Unpack[ClassFilter]
) -> Sequence[Class]:
    query = select(Class).where(Class.org_id == scope.org_id, Class.partner_id == scope.partner_id)
    if state := wanted.get("state"):
        query = query.where(_is_in(state))
    if course_id := wanted.get("course_id"):
        query = query.where(Class.course_id == course_id)
    if name := wanted.get("name"):
        query = query.where(Class.name.icontains(name, autoescape=True))
    if wanted.get("open_from") or wanted.get("open_to"):
        query = query.where(Class.status != "draft")
    if open_from := wanted.get("open_from"):
        ends = func.coalesce(Class.closed_at, Class.closes_at)
        query = query.where(or_(ends.is_(None), ends > open_from))
    if open_to := wanted.get("open_to"):
        query = query.where(func.coalesce(Class.opened_at, Class.opens_at, Class.created_at) < open_to)
    query = paging.apply(query, page, at=Class.created_at, key=Class.class_id)
    return (await session.execute(query)).scalars().all()


def _is_in(state: str) -> ColumnElement[bool]:
    match state:
        case "scheduled":
            return (Class.status == "open") & Class.opened_at.is_(None)
        case "open":
            return (Class.status == "open") & Class.opened_at.is_not(None)
        case _:
            return Class.status == state


async def update_values(session: AsyncSession, scope: ClassScope, **values: Any) -> Class:
    """Of a locked row. Counted up."""
    statement = update(Class).where(Class.class_id == scope.class_id, Class.org_id == scope.org_id)
    statement = statement.values(version=Class.version + 1, **values)
    return (await session.execute(statement.returning(Class).execution_options(**_FRESH))).scalar_one()


async def update_closed(session: AsyncSession, scope: ClassScope) -> Class:
    return await update_values(session, scope, status="closed", closed_at=func.now())


async def update_configured(session: AsyncSession, scope: ClassScope | PlatformScope, class_id: UUID) -> Class:
    """Something that students may use has changed, in another table or in this one."""
    statement = update(Class).where(Class.class_id == class_id, _within(scope))
    statement = statement.values(config_version=Class.config_version + 1)
    return (await session.execute(statement.returning(Class).execution_options(**_FRESH))).scalar_one()


async def update_opened_when_due(
    session: AsyncSession, scope: ClassScope | PlatformScope, *, limit: int = 1
) -> Sequence[Class]:
    """Open what has come to its beginning, by the database's clock; each once, by however many at the same time."""
    begun = or_(Class.opens_at.is_(None), Class.opens_at <= func.now())
    due = (Class.status == "open", Class.opened_at.is_(None), begun)
    return await _update_due(session, scope, *due, limit=limit, opened_at=func.now())


async def update_closed_when_due(
    session: AsyncSession, scope: ClassScope | PlatformScope, *, limit: int = 1
) -> Sequence[Class]:
    due = (Class.status == "open", Class.closes_at <= func.now())
    return await _update_due(session, scope, *due, limit=limit, status="closed", closed_at=func.now())


async def _update_due(
    session: AsyncSession,
    scope: ClassScope | PlatformScope,
    *due: ColumnElement[bool],
    limit: int,
    **values: Any,
) -> Sequence[Class]:
    # What another replica has in hand is left to it.
    chosen = (
        select(Class.class_id)
        .where(*due, _within(scope))
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    )
    # A CTE, because a subquery with a limit may be worked out more than once.
    statement = update(Class).where(Class.class_id.in_(select(chosen.cte("due"))))
    statement = statement.values(version=Class.version + 1, **values)
    return (await session.execute(statement.returning(Class).execution_options(**_FRESH))).scalars().all()


def _within(scope: ClassScope | PlatformScope) -> ColumnElement[bool]:
    if isinstance(scope, PlatformScope):
        return Class.class_id.is_not(None)
    return (Class.class_id == scope.class_id) & (Class.org_id == scope.org_id)

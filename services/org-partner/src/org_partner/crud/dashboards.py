"""Counts for dashboards, over the service's own tables: of a whole org, partner or class, or of each part of it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Date, Row, Uuid, and_, case, func, literal_column, null, select, type_coerce
from sqlalchemy import cast as sql_cast
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud.scopes import ClassScope, OrgScope, PartnerScope
from org_partner.models import Class, ClassActivityDaily, Document, Enrollment, InviteCode, Partner, Student

DashboardScope = OrgScope | PartnerScope | ClassScope
By = Literal["all", "partner", "class"]
Rows = Sequence[Row[*tuple[Any, ...]]]

_Placed = type[Class | ClassActivityDaily | Document | Enrollment | InviteCode]
_DAY = ClassActivityDaily.day


async def list_partners(session: AsyncSession, scope: OrgScope, *, limit: int) -> Rows:
    """The newest, and one more than asked, which tells that there are more."""
    query = select(Partner.partner_id, Partner.name, Partner.status).where(Partner.org_id == scope.org_id)
    query = query.order_by(Partner.created_at.desc(), Partner.partner_id.desc()).limit(limit + 1)
    return (await session.execute(query)).all()


async def list_classes(session: AsyncSession, scope: PartnerScope | ClassScope, *, limit: int) -> Rows:
    """As `list_partners`."""
    query = select(Class.class_id, Class.name, _state()).where(_inside(scope, Class))
    query = query.order_by(Class.created_at.desc(), Class.class_id.desc()).limit(limit + 1)
    return (await session.execute(query)).all()


async def count_classes(session: AsyncSession, scope: DashboardScope, by: By) -> Rows:
    """key, state, classes."""
    key = _key(by, Class)
    each = select(key, _state()).where(_inside(scope, Class)).subquery()
    query = select(each.c.key, each.c.state, func.count().label("classes")).group_by(each.c.key, each.c.state)
    return (await session.execute(query)).all()


async def count_students(session: AsyncSession, scope: DashboardScope, by: By) -> Rows:
    """key, active, paused, ended: each student once, in the best of their enrolments there."""
    key = _key(by, Enrollment)
    active, paused = (func.bool_or(Enrollment.status == name).label(name) for name in ("active", "paused"))
    each = select(key, active, paused).where(_inside(scope, Enrollment)).group_by(key, Enrollment.student_id)
    found = each.subquery()
    is_paused = and_(~found.c.active, found.c.paused)
    query = select(
        found.c.key,
        func.count().filter(found.c.active).label("active"),
        func.count().filter(is_paused).label("paused"),
        func.count().filter(~found.c.active, ~found.c.paused).label("ended"),
    )
    return (await session.execute(query.group_by(found.c.key))).all()


async def count_enrollments_by_day(
    session: AsyncSession, scope: DashboardScope, *, starts: datetime, ends: datetime
) -> Rows:
    """day, enrollments; days without any are left out."""
    day = sql_cast(func.timezone(literal_column("'Asia/Seoul'"), Enrollment.enrolled_at), Date).label("day")
    query = (
        select(day, func.count().label("enrollments"))
        .where(_inside(scope, Enrollment), Enrollment.enrolled_at >= starts, Enrollment.enrolled_at < ends)
        .group_by(day)
    )
    return (await session.execute(query)).all()


async def count_invite_codes(session: AsyncSession, scope: DashboardScope, by: By) -> Rows:
    """key, codes, uses_left: of codes that can be used now."""
    key = _key(by, InviteCode)
    left = func.sum(InviteCode.max_uses - InviteCode.used_count).label("uses_left")
    query = select(key, func.count().label("codes"), left)
    query = query.where(_inside(scope, InviteCode), InviteCode.state == "active").group_by(key)
    return (await session.execute(query)).all()


async def count_documents(session: AsyncSession, scope: DashboardScope, by: By) -> Rows:
    """key, documents: those that are there, in classes."""
    key = _key(by, Document)
    query = select(key, func.count().label("documents")).where(
        _inside(scope, Document), Document.is_live, Document.class_id.is_not(None)
    )
    return (await session.execute(query.group_by(key))).all()


async def sum_activity(session: AsyncSession, scope: DashboardScope, by: By, *, first: date, last: date) -> Rows:
    """key, questions, failed, cancelled, uploads: within the days."""
    key = _key(by, ClassActivityDaily)
    query = select(key, *_sums()).where(_inside(scope, ClassActivityDaily), _DAY.between(first, last))
    return (await session.execute(query.group_by(key))).all()


async def sum_activity_by_day(session: AsyncSession, scope: DashboardScope, *, first: date, last: date) -> Rows:
    """Day and the same sums; days without any are left out."""
    query = select(_DAY, *_sums()).where(_inside(scope, ClassActivityDaily), _DAY.between(first, last))
    return (await session.execute(query.group_by(_DAY))).all()


async def count_active_students(
    session: AsyncSession, scope: DashboardScope, by: By, *, first: date, last: date
) -> Rows:
    """key, active_students: who asked or uploaded something within the days, in a class that they are enrolled in."""
    key = _key(by, ClassActivityDaily)
    query = (
        select(key, func.count(Student.student_id.distinct()).label("active_students"))
        .select_from(ClassActivityDaily)
        .join(Student, and_(Student.org_id == ClassActivityDaily.org_id, Student.user_id == ClassActivityDaily.user_id))
        .join(
            Enrollment,
            and_(Enrollment.student_id == Student.student_id, Enrollment.class_id == ClassActivityDaily.class_id),
        )
        .where(_inside(scope, ClassActivityDaily), _DAY.between(first, last))
    )
    return (await session.execute(query.group_by(key))).all()


async def get_last_activity(session: AsyncSession, scope: DashboardScope, by: By) -> Rows:
    """key, last_activity_at: whenever it was."""
    key = _key(by, ClassActivityDaily)
    query = select(key, func.max(ClassActivityDaily.last_at).label("last_activity_at"))
    return (await session.execute(query.where(_inside(scope, ClassActivityDaily)).group_by(key))).all()


def _state() -> ColumnElement[str]:
    """As `Class.state`."""
    is_scheduled = and_(Class.status == "open", Class.opened_at.is_(None))
    return case((is_scheduled, "scheduled"), else_=Class.status).label("state")


def _sums() -> list[ColumnElement[int]]:
    names = ("questions", "failed", "cancelled", "uploads")
    return [func.sum(getattr(ClassActivityDaily, name)).label(name) for name in names]


def _inside(scope: DashboardScope, table: _Placed) -> ColumnElement[bool]:
    conditions = [table.org_id == scope.org_id]
    if not isinstance(scope, OrgScope):
        conditions.append(table.partner_id == scope.partner_id)
    if isinstance(scope, ClassScope):
        conditions.append(table.class_id == scope.class_id)
    return and_(*conditions)


def _key(by: By, table: _Placed) -> ColumnElement[Any]:
    columns: dict[By, ColumnElement[Any]] = {
        "all": sql_cast(null(), Uuid),
        "partner": type_coerce(table.partner_id, Uuid),
        "class": type_coerce(table.class_id, Uuid),
    }
    return columns[by].label("key")

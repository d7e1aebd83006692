from collections.abc import Collection, Sequence
from typing import Any, Unpack
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, NotFound
from chassis.ids import new_id
from chassis.paging import Slice
from org_partner.crud import classes, courses, enrollments
from org_partner.crud.classes import ClassFilter
from org_partner.crud.scopes import ClassScope, PartnerScope
from org_partner.errors import (
    CAPACITY_TOO_SMALL,
    CLASS_HAS_BEGUN,
    COURSE_ARCHIVED,
    COURSE_NOT_FOUND,
    VERSION_STALE,
)
from org_partner.models import Class
from org_partner.service import acts, class_events, effective_models, materials, periods, permission, places

# What students may use; its changes are told under a version of their own.
_CONFIGURES = frozenset({"name", "allowed_models", "class_budget", "student_budget"})


class ClassService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        caller: Principal,
        partner_id: UUID,
        *,
        course_id: UUID,
        material_ids: Collection[UUID] = (),
        **values: Any,
    ) -> Class:
        """A draft, or a class that is open at once or from `opens_at` on. `values`: columns of `Class`.

        Raises:
            NotFound: no such partner for the caller, no such course in the partner's org, or no such document.
            Forbidden: the caller does not teach there.
            Conflict: the course is archived, or the partner has just moved.
            Invalid: the period is over, or a model is not allowed.
        """
        periods.check_period(values.get("opens_at"), values.get("closes_at"))
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.TEACH)
            await places.hold(session, scope)
            await self._check_course(session, scope, course_id)
            await effective_models.check(session, scope, values.get("allowed_models", ()))
            group = await classes.add(session, scope, class_id=new_id(), course_id=course_id, **values)
            inside = permission.over_class(scope, group)
            if material_ids:
                await materials.put(session, inside, caller, material_ids, others_stay=True)
            target = f"class/{group.class_id}"
            await acts.record(session, caller, "class.created", inside, target=target, state=group.state)
            if group.opened_at is not None:
                await class_events.opened(session, inside, group)
        return group

    async def _check_course(self, session: AsyncSession, scope: PartnerScope, course_id: UUID) -> None:
        course = await courses.lock(session, scope, course_id)
        if course is None:
            raise NotFound(COURSE_NOT_FOUND)
        if course.archived_at is not None:
            raise Conflict(COURSE_ARCHIVED)

    async def list_for_partner(
        self, caller: Principal, partner_id: UUID, page: Slice, **wanted: Unpack[ClassFilter]
    ) -> Sequence[Class]:
        """
        Raises:
            NotFound: no such partner, or the caller has no role in it; or no such course in its org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.ASSIST)
            course_id = wanted.get("course_id")
            if course_id is not None and await courses.get(session, scope, course_id) is None:
                raise NotFound(COURSE_NOT_FOUND)
            return await classes.list_for_partner(session, scope, page, **wanted)

    async def get(self, caller: Principal, class_id: UUID) -> tuple[Class, bool]:
        """For the partner's staff and the class's students. True: the caller is a student there, and no more.

        Raises:
            NotFound: no such class, or the caller has nothing to do with it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.ATTEND)
            return await classes.get(session, scope), scope.as_student

    async def change(self, caller: Principal, class_id: UUID, *, version: int | None = None, **values: Any) -> Class:
        """`values`: of the columns that are given when a class is made those that are to change.

        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller does not teach there.
            Conflict: it has another version by now, it has begun, or it has more students than seats.
            Invalid: the period is over, or a model is not allowed.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.TEACH)
            group = await classes.lock(session, scope)
            if version not in (None, group.version):
                raise Conflict(VERSION_STALE, current_version=group.version)
            await self._check_change(session, scope, group, values)
            if not values:
                return group
            configures = bool(_CONFIGURES & values.keys())
            if configures:
                values["config_version"] = group.config_version + 1
            await classes.update_values(session, scope, **values)
            if configures:
                await class_events.configured(session, scope, group)
            changed = sorted(values.keys() - {"config_version"})
            await acts.record(session, caller, "class.updated", scope, target=f"class/{class_id}", changed=changed)
            await periods.settle(session, scope)
        return group

    async def _check_change(
        self, session: AsyncSession, scope: ClassScope, group: Class, values: dict[str, Any]
    ) -> None:
        opens_at = values.get("opens_at", group.opens_at)
        if group.opened_at is not None and opens_at != group.opens_at:
            raise Conflict(CLASS_HAS_BEGUN)
        if values.keys() & {"opens_at", "closes_at"}:
            periods.check_period(opens_at, values.get("closes_at", group.closes_at))
        capacity = values.get("capacity")
        if capacity is not None:
            students = await enrollments.count_in_class(session, scope)
            if students > capacity:
                raise Conflict(CAPACITY_TOO_SMALL, students=students)
        if "allowed_models" in values:
            await effective_models.check(session, scope, values["allowed_models"])

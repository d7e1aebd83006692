from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import Conflict, NotFound
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.org_partner import CourseCreated
from org_partner.crud import courses
from org_partner.errors import COURSE_NOT_FOUND, VERSION_STALE
from org_partner.models import Course
from org_partner.service import acts, permission


class CourseService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Principal, org_id: UUID, *, name: str, description: str = "") -> Course:
        """
        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            course = await courses.add(session, scope, course_id=new_id(), name=name, description=description)
            await outbox.add(
                session,
                CourseCreated(
                    course_id=course.course_id,
                    org_id=course.org_id,
                    name=course.name,
                    version=course.version,
                    created_at=course.created_at,
                ),
            )
            await acts.record(session, caller, "course.created", scope, target=f"course/{course.course_id}")
        return course

    async def list_for_org(
        self,
        caller: Principal,
        org_id: UUID,
        page: Slice,
        *,
        name: str | None = None,
        archived: bool | None = None,
    ) -> Sequence[Course]:
        """For everybody with a role in the org or in one of its partners, who open classes of these.

        Raises:
            NotFound: no such org, or the caller has no role in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ASSIST)
            return await courses.list_for_org(session, scope, page, name=name, archived=archived)

    async def get(self, caller: Principal, org_id: UUID, course_id: UUID) -> Course:
        """
        Raises:
            NotFound: no such org for the caller, or no such course in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ASSIST)
            course = await courses.get(session, scope, course_id)
        if course is None:
            raise NotFound(COURSE_NOT_FOUND)
        return course

    async def change(
        self, caller: Principal, org_id: UUID, course_id: UUID, *, version: int | None = None, **values: Any
    ) -> Course:
        """`values`: of name, description and archived those that are to change.

        Raises:
            NotFound: no such org for the caller, or no such course in it.
            Forbidden: the caller does not administer the org.
            Conflict: it has another version by now.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            course = await courses.lock(session, scope, course_id)
            if course is None:
                raise NotFound(COURSE_NOT_FOUND)
            if version not in (None, course.version):
                raise Conflict(VERSION_STALE, current_version=course.version)
            if values:
                course = await courses.update_values(session, scope, course_id, **values)
                target = f"course/{course_id}"
                await acts.record(session, caller, "course.updated", scope, target=target, changed=sorted(values))
        return course

    async def archive(self, caller: Principal, org_id: UUID, course_id: UUID) -> None:
        """No new classes of it; those that there are go on. Again: nothing changes.

        Raises:
            NotFound: no such org for the caller, or no such course in it.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            course = await courses.lock(session, scope, course_id)
            if course is None:
                raise NotFound(COURSE_NOT_FOUND)
            if course.archived_at is None:
                await courses.update_values(session, scope, course_id, archived=True)
                await acts.record(session, caller, "course.archived", scope, target=f"course/{course_id}")

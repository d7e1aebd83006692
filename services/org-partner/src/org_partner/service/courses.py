from collections.abc import Sequence
from uuid import UUID

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.org_partner import CourseCreated
from org_partner.crud import courses
from org_partner.models import Course
from org_partner.service import permission


class CourseService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Principal, org_id: UUID, *, name: str) -> Course:
        """
        Raises:
            NotFound: no such org for the caller.
            Forbidden: the caller does not administer the org.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ADMINISTER)
            course = await courses.add(session, scope, course_id=new_id(), name=name)
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
        return course

    async def list_for_org(self, caller: Principal, org_id: UUID, page: Slice) -> Sequence[Course]:
        """For everybody with a role in the org or in one of its partners, who open classes of these.

        Raises:
            NotFound: no such org, or the caller has no role in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_org(session, caller, org_id, allowed=permission.ASSIST)
            return await courses.list_for_org(session, scope, page)

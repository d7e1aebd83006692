from collections.abc import Sequence
from uuid import UUID

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.errors import NotFound
from chassis.ids import new_id
from chassis.paging import Slice
from contracts.org_partner import ClassOpened
from org_partner.crud import classes, courses
from org_partner.errors import COURSE_NOT_FOUND
from org_partner.models import Class
from org_partner.service import permission


class ClassService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, caller: Principal, partner_id: UUID, *, course_id: UUID, name: str) -> Class:
        """
        Raises:
            NotFound: no such partner for the caller, or no such course in the partner's org.
            Forbidden: the caller does not teach there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.TEACH)
            if not await courses.is_in_org(session, scope, course_id):
                raise NotFound(COURSE_NOT_FOUND)
            opened = await classes.add(session, scope, class_id=new_id(), course_id=course_id, name=name)
            await outbox.add(
                session,
                ClassOpened(
                    class_id=opened.class_id,
                    course_id=opened.course_id,
                    org_id=opened.org_id,
                    partner_id=opened.partner_id,
                    name=opened.name,
                    version=opened.version,
                    opened_at=opened.opened_at,
                ),
            )
        return opened

    async def list_for_partner(self, caller: Principal, partner_id: UUID, page: Slice) -> Sequence[Class]:
        """
        Raises:
            NotFound: no such partner, or the caller has no role in it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.ASSIST)
            return await classes.list_for_partner(session, scope, page)

    async def get(self, caller: Principal, class_id: UUID) -> Class:
        """For the partner's staff and the class's students.

        Raises:
            NotFound: no such class, or the caller has nothing to do with it.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.ATTEND)
            return await classes.get(session, scope)

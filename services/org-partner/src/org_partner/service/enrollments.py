from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.paging import Slice
from org_partner.crud import enrollments
from org_partner.service import permission


class EnrollmentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_own(self, caller: Principal, page: Slice) -> Sequence[Row[*tuple[Any, ...]]]:
        async with self._database.transaction(tenant.of(caller)) as session:
            return await enrollments.list_for_user(session, permission.own(caller), page)

    async def list_students(self, caller: Principal, class_id: UUID, page: Slice) -> Sequence[Row[*tuple[Any, ...]]]:
        """
        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller is a student there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.ASSIST)
            return await enrollments.list_for_class(session, scope, page)

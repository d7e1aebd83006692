"""What there is of enrolments, for students and for those who teach them. What is done to one is in `attendance`."""

from collections.abc import Sequence
from typing import Any, Unpack
from uuid import UUID

from sqlalchemy import Row

from chassis import tenant
from chassis.auth import Principal
from chassis.database import Database
from chassis.paging import Slice
from org_partner.crud import enrollment_changes, rosters
from org_partner.crud.rosters import StudentFilter
from org_partner.service import permission, views
from org_partner.service.views import EnrollmentView


class EnrollmentService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_own(self, caller: Principal, page: Slice, *, status: str | None = None) -> Sequence[EnrollmentView]:
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = permission.own(caller)
            rows = await rosters.list_for_user(session, scope, page, status=status)
            return await views.of_own(session, scope, rows)

    async def get(self, caller: Principal, enrollment_id: UUID) -> EnrollmentView:
        """For the student and the partner's staff.

        Raises:
            NotFound: no such enrolment for the caller.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_enrollment(session, caller, enrollment_id, allowed=permission.ATTEND)
            row = await rosters.get(session, scope)
            (view,) = await views.of_classes(session, [(permission.class_of(scope), row)])
            return view

    async def list_history(
        self, caller: Principal, enrollment_id: UUID, page: Slice, *, action: str | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Who did what to it and when, the latest first; with `action`, who did that.

        Raises:
            NotFound: no such enrolment for the caller.
            Forbidden: it is the caller's own.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_enrollment(session, caller, enrollment_id, allowed=permission.ASSIST)
            return await enrollment_changes.list_for_enrollment(session, scope, page, action=action)

    async def list_students(
        self, caller: Principal, class_id: UUID, page: Slice, **wanted: Unpack[StudentFilter]
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """
        Raises:
            NotFound: no such class for the caller.
            Forbidden: the caller is a student there.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_class(session, caller, class_id, allowed=permission.ASSIST)
            return await rosters.list_students(session, scope, page, **wanted)

    async def list_partner_students(
        self,
        caller: Principal,
        partner_id: UUID,
        page: Slice,
        *,
        class_id: UUID | None = None,
        **wanted: Unpack[StudentFilter],
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Across the partner's classes; whoever is in two of them is there twice.

        Raises:
            NotFound: no such partner, or the caller has no role in it; or no such class of the partner.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_partner(session, caller, partner_id, allowed=permission.ASSIST)
            await permission.narrowed(session, scope, class_id=class_id)
            return await rosters.list_students(session, scope, page, class_id=class_id, **wanted)

"""What becomes of an enrolment: paused, resumed, ended, left, transferred. Each step is a version of it."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.auth import Principal
from chassis.clock import now
from chassis.database import Database
from chassis.errors import Conflict
from contracts.org_partner import EnrollmentEnded, EnrollmentPaused
from org_partner.crud import classes, enrollment_changes, enrollments
from org_partner.crud.scopes import ClassScope, EnrollmentScope
from org_partner.errors import ALREADY_ENROLLED, ENROLLMENT_ENDED, TRANSFER_TO_SAME_CLASS
from org_partner.models import Class, Enrollment
from org_partner.service import acts, enrolling, permission

_ACTIVE, _PAUSED, _ENDED = "active", "paused", "ended"


class AttendanceService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def pause(self, caller: Principal, enrollment_id: UUID) -> None:
        """The student keeps the seat and cannot use the class. Again: nothing changes.

        Raises:
            NotFound: no such enrolment for the caller.
            Forbidden: the caller does not teach there.
            Conflict: it has ended.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_enrollment(session, caller, enrollment_id, allowed=permission.TEACH)
            row = await enrollments.lock(session, scope)
            if row.status == _ENDED:
                raise Conflict(ENROLLMENT_ENDED)
            if row.status == _ACTIVE:
                await enrollments.update_values(session, scope, status=_PAUSED)
                await outbox.add(session, EnrollmentPaused(**_facts(row, scope), paused_at=now()))
                await _record(session, caller, "paused", scope, row)

    async def resume(self, caller: Principal, enrollment_id: UUID) -> None:
        """After a pause, or once more after an end, if there is a seat. Again: nothing changes.

        Raises:
            NotFound, Forbidden: as for pausing.
            Conflict: it had ended, and the class is full, closed or a draft, or the student's account is no more.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_enrollment(session, caller, enrollment_id, allowed=permission.TEACH)
            await enrolling.check_account(session, scope.user_id)
            group = await classes.lock(session, scope)
            row = await enrollments.lock(session, scope)
            if row.status == _PAUSED:
                await enrollments.update_values(session, scope, status=_ACTIVE)
                await outbox.add(session, enrolling.told(row, user_id=scope.user_id))
                await _record(session, caller, "resumed", scope, row)
            elif row.status == _ENDED:
                inside = permission.class_of(scope)
                await _enrol(session, caller, inside, group, scope.user_id, action="resumed")
                await _tell_act(session, caller, "resumed", scope)

    async def end(self, caller: Principal, enrollment_id: UUID) -> None:
        """The seat is free. No code brings the student back, only the staff. Again: nothing changes.

        Raises:
            NotFound, Forbidden: as for pausing.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_enrollment(session, caller, enrollment_id, allowed=permission.TEACH)
            row = await enrollments.lock(session, scope)
            if row.status != _ENDED:
                await _end(session, caller, "ended", scope, row)

    async def leave(self, caller: Principal, enrollment_id: UUID) -> None:
        """By the student, who may come back by a code. Again: nothing changes.

        Raises:
            NotFound: no such enrolment for the caller.
            Forbidden: it is another's.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.own_enrollment(session, caller, enrollment_id)
            row = await enrollments.lock(session, scope)
            if row.status != _ENDED:
                await _end(session, caller, "left", scope, row)

    async def transfer(self, caller: Principal, enrollment_id: UUID, *, class_id: UUID) -> UUID:
        """End it and enrol the student in the other class, with what that one gives. The new enrolment's id.

        Raises:
            NotFound: no such enrolment for the caller, or no such class in the org.
            Forbidden: the caller does not teach in both, or it is another partner's class and they do not
                administer the org.
            Conflict: it has ended, it is the same class, the student is in the other one already, that one is full,
                closed or a draft, or the student's account is no more.
        """
        async with self._database.transaction(tenant.of(caller)) as session:
            scope = await permission.in_enrollment(session, caller, enrollment_id, allowed=permission.TEACH)
            target = await permission.to_transfer(session, caller, scope, class_id)
            if class_id == scope.class_id:
                raise Conflict(TRANSFER_TO_SAME_CLASS)
            await enrolling.check_account(session, scope.user_id)
            group = await _lock_both(session, scope, target)
            row = await enrollments.lock(session, scope)
            if row.status == _ENDED:
                raise Conflict(ENROLLMENT_ENDED)
            origin = {"from_class_id": str(scope.class_id), "from_enrollment_id": str(enrollment_id)}
            made = await _enrol(session, caller, target, group, scope.user_id, **origin)
            await acts.record(
                session, caller, "enrollment.created", target, target=f"enrollment/{made.enrollment_id}", **origin
            )
            goal = {"to_class_id": str(class_id), "to_enrollment_id": str(made.enrollment_id)}
            await _end(session, caller, "transferred", scope, row, **goal)
        return made.enrollment_id


async def _lock_both(session: AsyncSession, scope: EnrollmentScope, target: ClassScope) -> Class:
    """In the same order whichever way students are moved, or two that cross would wait for each other for ever."""
    locked = {}
    for place in sorted((permission.class_of(scope), target), key=lambda place: place.class_id):
        locked[place.class_id] = await classes.lock(session, place)
    return locked[target.class_id]


async def _enrol(
    session: AsyncSession, caller: Principal, scope: ClassScope, group: Class, user_id: UUID, **detail: Any
) -> Enrollment:
    enrolling.check_takes_students(group)
    there = (await enrollments.list_statuses(session, scope, [user_id])).get(user_id)
    if there is not None and there.status != _ENDED:
        raise Conflict(ALREADY_ENROLLED)
    await enrolling.check_seat(session, scope, group)
    (made,) = await enrolling.enrol(session, scope, group, [user_id], actor=caller, **detail)
    return made


async def _end(
    session: AsyncSession, caller: Principal, action: str, scope: EnrollmentScope, row: Enrollment, **detail: Any
) -> None:
    await enrollments.update_values(session, scope, status=_ENDED, ended_by=caller.user_id)
    await outbox.add(session, EnrollmentEnded(**_facts(row, scope), ended_at=now()))
    await _record(session, caller, action, scope, row, **detail)


async def _record(
    session: AsyncSession, caller: Principal, action: str, scope: EnrollmentScope, row: Enrollment, **detail: Any
) -> None:
    await enrollment_changes.add_many(session, scope, [row], action=action, actor_id=caller.user_id, detail=detail)
    await _tell_act(session, caller, action, scope, **detail)


async def _tell_act(
    session: AsyncSession, caller: Principal, action: str, scope: EnrollmentScope, **detail: Any
) -> None:
    target = f"enrollment/{scope.enrollment_id}"
    await acts.record(session, caller, f"enrollment.{action}", scope, target=target, **detail)


def _facts(row: Enrollment, scope: EnrollmentScope) -> dict[str, Any]:
    """`row` as it is after the change: its version orders what is told."""
    names = ("enrollment_id", "student_id", "class_id", "partner_id", "org_id", "version")
    return {name: getattr(row, name) for name in names} | {"user_id": scope.user_id}

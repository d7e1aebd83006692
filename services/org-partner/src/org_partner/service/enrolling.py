"""How a user becomes a student of a class, whichever way: with all that it gives, in the caller's transaction."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.auth import Principal
from chassis.clock import now
from chassis.errors import Conflict
from contracts.org_partner import StudentEnrolled
from org_partner.crud import class_materials, enrollment_changes, enrollments, students, users
from org_partner.crud.scopes import ClassScope, InviteScope
from org_partner.errors import ACCOUNT_GONE, CLASS_FULL, CLASS_IS_CLOSED, CLASS_IS_DRAFT
from org_partner.models import Class, Enrollment
from org_partner.service.class_events import budget


async def hold_account(session: AsyncSession, user_id: UUID) -> bool:
    """Whoever is forgotten at the same time is forgotten before or after this transaction, not within it.

    Before the class and the enrolment, in the order in which an erasure takes the two. An account that identity has
    not told of yet is let in, and nothing is held of it. False: it is no more.
    """
    user = await users.get(session, user_id)
    return user is None or user.status != users.ANONYMISED


async def check_account(session: AsyncSession, user_id: UUID) -> None:
    """As `hold_account`.

    Raises:
        Conflict: it is no more.
    """
    if not await hold_account(session, user_id):
        raise Conflict(ACCOUNT_GONE)


def takes_students(group: Class) -> bool:
    """Also before its beginning; not once its end has passed, even if the calendar has not got there yet."""
    return group.status == "open" and (group.closes_at is None or group.closes_at > now())


def check_takes_students(group: Class) -> None:
    """
    Raises:
        Conflict: it is a draft or closed.
    """
    if not takes_students(group):
        raise Conflict(CLASS_IS_DRAFT if group.status == "draft" else CLASS_IS_CLOSED)


async def seats_left(session: AsyncSession, scope: ClassScope | InviteScope, group: Class) -> int | None:
    """Of a locked class; None: as many as come."""
    if group.capacity is None:
        return None
    return max(0, group.capacity - await enrollments.count_in_class(session, scope))


async def check_seat(session: AsyncSession, scope: ClassScope | InviteScope, group: Class) -> None:
    """
    Raises:
        Conflict: the class is full.
    """
    if await seats_left(session, scope, group) == 0:
        raise Conflict(CLASS_FULL, capacity=group.capacity)


async def enrol(
    session: AsyncSession,
    scope: ClassScope | InviteScope,
    group: Class,
    user_ids: Collection[UUID],
    *,
    actor: Principal,
    action: str = "enrolled",
    **detail: Any,
) -> Sequence[Enrollment]:
    """Of a locked class, into seats that are free. Whoever is in already is left out; who had left comes back."""
    by_user = await students.add_many(session, scope, user_ids)
    users = {student_id: user_id for user_id, student_id in by_user.items()}
    material_ids = await class_materials.list_ids(session, scope, group.class_id)
    enrolled = await enrollments.add_many(
        session,
        scope,
        users,
        assigned_models=group.allowed_models,
        assigned_budget=group.student_budget,
        assigned_material_ids=material_ids,
    )
    if enrolled:
        await enrollment_changes.add_many(
            session, scope, enrolled, action=action, actor_id=actor.user_id, detail=detail
        )
    await outbox.add_many(session, [told(each, user_id=users[each.student_id]) for each in enrolled])
    return enrolled


def told(enrollment: Enrollment, *, user_id: UUID) -> StudentEnrolled:
    return StudentEnrolled(
        enrollment_id=enrollment.enrollment_id,
        student_id=enrollment.student_id,
        user_id=user_id,
        class_id=enrollment.class_id,
        partner_id=enrollment.partner_id,
        org_id=enrollment.org_id,
        version=enrollment.version,
        enrolled_at=enrollment.enrolled_at,
        allowed_models=enrollment.assigned_models,
        budget=budget(enrollment.assigned_budget),
        material_ids=enrollment.assigned_material_ids,
    )

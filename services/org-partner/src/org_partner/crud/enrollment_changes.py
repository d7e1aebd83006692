from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.ids import new_id
from chassis.paging import Slice
from org_partner.crud.scopes import ClassScope, EnrollmentScope, InviteScope
from org_partner.models import Enrollment, EnrollmentChange, User


async def add_many(
    session: AsyncSession,
    scope: ClassScope | InviteScope | EnrollmentScope,
    enrollments: Sequence[Enrollment],
    *,
    action: str,
    actor_id: UUID,
    detail: dict[str, Any],
) -> None:
    """One for each enrolment, as it is now."""
    rows = [
        {
            "change_id": new_id(),
            "org_id": scope.org_id,
            "enrollment_id": each.enrollment_id,
            "version": each.version,
            "action": action,
            "status": each.status,
            "actor_id": actor_id,
            "detail": detail,
            # Not now(): that is when the transaction began, and this one may have waited for its turn.
            "changed_at": func.clock_timestamp(),
        }
        for each in enrollments
    ]
    await session.execute(insert(EnrollmentChange).values(rows))


async def list_for_enrollment(
    session: AsyncSession, scope: EnrollmentScope, page: Slice, *, action: str | None
) -> Sequence[Row[*tuple[Any, ...]]]:
    query = (
        select(
            EnrollmentChange.change_id,
            EnrollmentChange.version,
            EnrollmentChange.action,
            EnrollmentChange.status,
            EnrollmentChange.actor_id,
            User.display_name.label("actor_name"),
            EnrollmentChange.detail,
            EnrollmentChange.changed_at,
        )
        .outerjoin(User, User.user_id == EnrollmentChange.actor_id)
        .where(EnrollmentChange.enrollment_id == scope.enrollment_id, EnrollmentChange.org_id == scope.org_id)
    )
    if action is not None:
        query = query.where(EnrollmentChange.action == action)
    query = paging.apply(query, page, at=EnrollmentChange.changed_at, key=EnrollmentChange.change_id)
    return (await session.execute(query)).all()

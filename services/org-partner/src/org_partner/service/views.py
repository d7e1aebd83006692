"""An enrolment as its student sees it: with the names of all above, and what holds for them there now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from org_partner.crud import class_materials, llm_settings
from org_partner.crud.scopes import ClassScope, OwnScope
from org_partner.service import effective_models, permission


@dataclass(frozen=True)
class EnrollmentView:
    """`models`, `budget`, `materials`: what the class gives now, which may be other than when it was joined."""

    enrollment_id: UUID
    student_id: UUID
    user_id: UUID
    status: str
    version: int
    enrolled_at: datetime
    class_id: UUID
    class_name: str
    course_id: UUID
    course_name: str
    partner_id: UUID
    partner_name: str
    org_id: UUID
    org_name: str
    models: Sequence[str]
    budget: dict[str, Any] | None
    materials: Sequence[Row[*tuple[Any, ...]]]


async def of_own(session: AsyncSession, scope: OwnScope, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[EnrollmentView]:
    """`rows`: of `crud.rosters`, found as the caller's own."""
    return await of_classes(session, [(permission.attended(scope, row), row) for row in rows])


async def of_classes(
    session: AsyncSession, found: Sequence[tuple[ClassScope, Row[*tuple[Any, ...]]]]
) -> list[EnrollmentView]:
    titles = await class_materials.list_titles(session, [scope for scope, _ in found])
    levels = {}
    for scope, _ in found:
        if scope.partner_id not in levels:
            levels[scope.partner_id] = await llm_settings.list_levels(session, scope)
    views = []
    for scope, row in found:
        values = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it
        effective = effective_models.combine(levels[scope.partner_id], values.pop("allowed_models"))
        budget = values.pop("student_budget")
        # What the class has now is for those who are in it now, and while anything may be used there.
        is_in = values.pop("is_tenant_active") and row.status == "active"
        views.append(
            EnrollmentView(
                budget=budget if is_in else None,
                models=effective.allowed_models.value if is_in else [],
                materials=titles.get(scope.class_id, ()) if is_in else (),
                **values,
            )
        )
    return views

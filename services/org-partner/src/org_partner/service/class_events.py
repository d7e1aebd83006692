"""What is told of classes, in the transaction of the change. Nothing is told of one that has not been opened yet."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox
from chassis.clock import now
from contracts.org_partner import Budget, ClassClosed, ClassConfigured, ClassOpened
from org_partner.crud import class_materials
from org_partner.crud.scopes import ClassScope, PlatformScope
from org_partner.models import Class

Scope = ClassScope | PlatformScope


async def opened(session: AsyncSession, scope: Scope, group: Class) -> None:
    """And what its students may use, which nobody was told while it was prepared."""
    assert group.opened_at is not None  # noqa: S101  it has just been opened
    await outbox.add(
        session,
        ClassOpened(
            class_id=group.class_id,
            course_id=group.course_id,
            org_id=group.org_id,
            partner_id=group.partner_id,
            name=group.name,
            version=group.version,
            opened_at=group.opened_at,
        ),
    )
    await configured(session, scope, group)


async def closed(session: AsyncSession, group: Class) -> None:
    assert group.closed_at is not None  # noqa: S101  it has just been closed
    await outbox.add(
        session,
        ClassClosed(
            class_id=group.class_id,
            org_id=group.org_id,
            partner_id=group.partner_id,
            version=group.version,
            closed_at=group.closed_at,
        ),
    )


async def configured(session: AsyncSession, scope: Scope, group: Class) -> None:
    if group.opened_at is None:
        return
    await outbox.add(
        session,
        ClassConfigured(
            class_id=group.class_id,
            org_id=group.org_id,
            partner_id=group.partner_id,
            name=group.name,
            allowed_models=group.allowed_models,
            class_budget=budget(group.class_budget),
            student_budget=budget(group.student_budget),
            material_ids=await class_materials.list_ids(session, scope, group.class_id),
            version=group.config_version,
            configured_at=now(),
        ),
    )


def budget(kept: dict[str, Any] | None) -> Budget | None:
    return None if kept is None else Budget.model_validate(kept)

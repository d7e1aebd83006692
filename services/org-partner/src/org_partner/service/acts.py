"""Every act of administration is told twice, in its own transaction: to the tenant's activity log and the audit log."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import audit
from chassis.auth import Principal
from chassis.ids import new_id
from org_partner.crud import activities
from org_partner.crud.scopes import AnyScope, place_of


async def record(
    session: AsyncSession,
    actor: Principal | None,
    action: str,
    scope: AnyScope,
    *,
    target: str,
    **detail: Any,
) -> None:
    """`action`: `<noun>.<past verb>`; `target`: `<noun>/<id>`; `detail`: small facts in JSON's terms, no secrets.

    `actor` None: the platform itself, as by the calendar.
    """
    about = {"action": action, "target": target, "detail": detail}
    await activities.add(session, scope, activity_id=new_id(), actor_id=actor.user_id if actor else None, **about)
    place = place_of(scope)
    await audit.record(
        session,
        action,
        actor=actor,
        target=target,
        org_id=scope.org_id,
        partner_id=place["partner_id"],
        class_id=place["class_id"],
        **detail,
    )

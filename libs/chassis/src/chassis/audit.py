"""The audit log's entries: an event in the transaction of the act, so that neither exists without the other."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import origin, outbox
from chassis.auth import Principal
from chassis.clock import now
from chassis.ids import new_id
from chassis.plumbing import plumbing_of
from contracts.audit import AuditEntry, AuditOutcome
from contracts.catalogue import PUBLISHERS


async def record(
    session: AsyncSession,
    action: str,
    *,
    actor: Principal | None,
    target: str | None = None,
    org_id: UUID | None = None,
    partner_id: UUID | None = None,
    class_id: UUID | None = None,
    outcome: AuditOutcome = AuditOutcome.SUCCEEDED,
    **detail: Any,
) -> None:
    """`action`: `<noun>.<past verb>`; `target`: `<noun>/<id>`; `detail`: small facts, neither secrets nor texts."""
    entry: type[AuditEntry] = PUBLISHERS[plumbing_of(session).schema].AuditRecorded
    where = origin.current()
    await outbox.add(
        session,
        entry(
            audit_id=new_id(),
            action=action,
            outcome=outcome,
            actor_id=actor.user_id if actor else None,
            session_id=actor.session_id if actor else None,
            target=target,
            org_id=org_id,
            partner_id=partner_id,
            class_id=class_id,
            ip=where.ip,
            user_agent=where.user_agent,
            request_id=where.request_id,
            detail=detail,
            occurred_at=now(),
        ),
    )

"""Erases what of an anonymised user may be erased, and reports it.

What stays is an id that leads to nobody: in the ledger and the audit log, which are never changed.
"""

import json
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import outbox, tenant
from chassis.clock import now
from chassis.database import Database
from chassis.delivery import Delivery
from contracts.usage_metrics import PersonalDataErased
from usage_metrics.crud import audit_origins, dead_letters, erased_users, tenancy

# Of the events that this service takes: what in them is a person's.
PERSONAL_FIELDS = ("ip", "user_agent", "email", "display_name")


class ErasureService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, user_id: UUID, *, once: Delivery) -> None:
        """Erasure, report and inbox mark commit together."""
        async with self._database.transaction(tenant.PLATFORM, once=once) as session:
            await erased_users.add(session, user_id)
            erased = {
                "usage_metrics.memberships": await tenancy.delete_memberships(session, user_id),
                "supervisor.audit_origins": await audit_origins.delete_of_user(session, user_id),
                "usage_metrics.dead_letters": await _redact_letters(session, user_id),
            }
            remaining = await tenancy.count_memberships(session, user_id)
            remaining += await audit_origins.count_of_user(session, user_id)
            report = PersonalDataErased(user_id=user_id, erased=erased, remaining=remaining, erased_at=now())
            await outbox.add(session, report)


async def _redact_letters(session: AsyncSession, user_id: UUID) -> int:
    """The letters stay, and can still be driven again. Returns how many were changed."""
    changed = 0
    for letter_id, body in (await dead_letters.list_bodies_about(session, user_id)).items():
        redacted = _redacted(body)
        if redacted != body:
            await dead_letters.update_body(session, letter_id, redacted)
            changed += 1
    return changed


def _redacted(body: str) -> str:
    try:
        event: Any = json.loads(body)
        facts = event["data"]
        kept = {name: value for name, value in facts.items() if name not in PERSONAL_FIELDS}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # No event at all, so nobody can tell what in it is a person's.
        return ""
    return body if kept == facts else json.dumps({**event, "data": kept})

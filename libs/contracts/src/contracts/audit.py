"""What every service reports of administrative acts and security events; each publisher has a type of its own."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.event import Event


class AuditOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    REFUSED = "refused"


class AuditEntry(Event):
    """Who did what to whom, from where, and how it ended.

    `action` is `<noun>.<past verb>`, as `user.suspended`. `actor_id` absent: nobody had logged in, or the platform
    itself did it. `target` is `<noun>/<id>`. `detail` holds small facts, never a secret, a text or a personal value.
    """

    audit_id: UUID
    action: str = Field(pattern=r"^[a-z_]+\.[a-z_]+$")
    outcome: AuditOutcome = AuditOutcome.SUCCEEDED
    actor_id: UUID | None = None
    session_id: UUID | None = None
    target: str | None = None
    org_id: UUID | None = None
    partner_id: UUID | None = None
    class_id: UUID | None = None
    ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict)
    occurred_at: AwareDatetime

"""What can be asked of the audit log, and the answers. Read only: the log is written by events alone."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, IPvAnyAddress

from chassis.paging import MAX_PAGE
from contracts.audit import AuditOutcome
from usage_metrics.schemas.days import DaysQuery

_SOMEBODY = UUID("01936d2e-7b1c-7c5e-9a53-2f8f6b0d4c11")


class AuditQuery(DaysQuery):
    action: str | None = Field(
        None,
        max_length=100,
        pattern=r"^[a-z_]+\.[a-z_]*$",
        description="One action, or with a dot at its end all that begin so",
        examples=["user.suspended", "user."],
    )
    outcome: AuditOutcome | None = Field(None, examples=["refused"])
    actor_id: UUID | None = Field(None, description="Who did it", examples=[_SOMEBODY])
    target: str | None = Field(
        None,
        min_length=1,
        max_length=300,
        pattern=r"^[^\x00-\x1f]+$",
        description="To whom or what: `<noun>/<id>`",
        examples=[f"user/{_SOMEBODY}"],
    )
    org_id: UUID | None = Field(None, examples=[_SOMEBODY])
    partner_id: UUID | None = Field(None, examples=[_SOMEBODY])
    class_id: UUID | None = Field(None, examples=[_SOMEBODY])
    publisher: Literal["identity", "org_partner", "ingest", "rag", "usage_metrics"] | None = Field(
        None, description="Which service told of it", examples=["identity"]
    )
    ip: IPvAnyAddress | None = Field(
        None, description="Finds what you did yourself; supervisors find everybody", examples=["203.0.113.7"]
    )


class EntriesQuery(AuditQuery):
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="Entries per page", examples=[50])
    cursor: str | None = Field(None, max_length=300, description="`next_cursor` of the page before")


class AuditLine(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    audit_id: UUID
    occurred_at: datetime
    publisher: str = Field(description="Which service told of it", examples=["identity"])
    action: str = Field(description="`<noun>.<past verb>`", examples=["user.suspended"])
    outcome: AuditOutcome
    actor_id: UUID | None = Field(description="Null: nobody had logged in, or the platform itself did it")
    session_id: UUID | None
    target: str | None = Field(examples=["user/0198f3a1-7c52-7b3e-9c4d-2f6a8e1b0c9d"])
    org_id: UUID | None
    partner_id: UUID | None
    class_id: UUID | None
    ip: str | None = Field(
        description="Of your own acts; supervisors see everybody's, until the person is erased",
        examples=["203.0.113.7"],
    )
    user_agent: str | None = Field(description="As `ip`", examples=["Mozilla/5.0"])
    request_id: str | None = Field(examples=["9c1f0a7de0d94b2c"])
    detail: dict[str, Any]
    recorded_at: datetime

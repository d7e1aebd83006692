from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.paging import MAX_PAGE
from org_partner.schemas.days import Day


class ActivityQuery(BaseModel):
    # A misspelt filter that is passed over would show more than was asked for.
    model_config = ConfigDict(extra="forbid")

    action: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,60}\.[a-z_]{1,60}$")] | None = Field(
        None, examples=["class.opened"]
    )
    action_prefix: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,60}(\.[a-z_]{0,60})?$")] | None = Field(
        None, description="All actions that begin so", examples=["invite_code."]
    )
    actor_id: UUID | None = Field(None, description="Who did it")
    target: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,60}/[A-Za-z0-9._-]{1,100}$")] | None = Field(
        None, description="What it was done to", examples=["class/0192f0c1-2b7a-7c1e-9d9e-0f6f0f5b7e10"]
    )
    first: Day | None = Field(None, alias="from", description="First day, Asia/Seoul", examples=["2026-11-01"])
    last: Day | None = Field(None, alias="to", description="Last day, Asia/Seoul, inclusive", examples=["2026-11-30"])


class PartnerActivityQuery(ActivityQuery):
    class_id: UUID | None = None


class OrgActivityQuery(PartnerActivityQuery):
    partner_id: UUID | None = None


class Paged(BaseModel):
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = Field(50, description="Rows per page")
    cursor: str | None = Field(None, max_length=300, description="`next_cursor` of the page before")


class ActivityPageQuery(ActivityQuery, Paged):
    pass


class PartnerActivityPageQuery(PartnerActivityQuery, Paged):
    pass


class OrgActivityPageQuery(OrgActivityQuery, Paged):
    pass


class ActivityOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    activity_id: UUID
    occurred_at: datetime
    action: str = Field(examples=["student.enrolled"])
    actor_id: UUID | None = Field(description="Absent: the platform itself")
    actor_name: str | None = Field(description="Absent when the account is no more", examples=["이강사"])
    actor_email: str | None = Field(examples=["teacher@example.com"])
    target: str = Field(examples=["class/0198f3a1-7c52-7b3e-9c4d-2f6a8e1b0c9d"])
    org_id: UUID
    partner_id: UUID | None
    class_id: UUID | None
    detail: dict[str, Any]

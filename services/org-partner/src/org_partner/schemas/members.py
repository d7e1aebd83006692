from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Email, PartnerRole

MemberRole = Literal["org_admin", "partner_owner", "instructor", "assistant"]
MemberState = Literal["active", "ended"]


class AdminIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["minji@example.com"])


class MemberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["minji@example.com"])
    role: PartnerRole = Field(examples=["instructor"])


class RoleIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: PartnerRole = Field(examples=["assistant"])


class MemberMoveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    partner_id: UUID = Field(
        description="Another partner of the same org", examples=["01a20472-18c4-713b-8af1-3977cd6456c0"]
    )


class MembershipOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    membership_id: UUID
    user_id: UUID
    org_id: UUID
    partner_id: UUID | None = Field(description="Absent: the role is in the org itself")
    role: str
    version: int
    granted_at: datetime


class MemberOut(MembershipOut):
    partner_name: str | None
    display_name: str | None = Field(description="Absent for moments after a sign-up, and once the account is gone")
    email: str | None = Field(description="Absent for moments after a sign-up, and once the account is gone")
    revoked_at: datetime | None = Field(description="When the role was taken away")

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Email, Name


class OrgIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["한빛 학원"])


class OrgOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    org_id: UUID
    name: str
    created_at: datetime


class AdminIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["minji@example.com"])


class MembershipOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    membership_id: UUID
    user_id: UUID
    org_id: UUID
    partner_id: UUID | None = Field(description="Absent: the role is in the org itself")
    role: str
    granted_at: datetime

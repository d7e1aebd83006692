from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Email, Language, PartnerRole

InvitationState = Literal["pending", "accepted", "expired", "revoked"]


class OrgInvitationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(description="Of somebody who may not have signed up yet", examples=["minji@example.com"])
    role: Literal["org_admin"] = Field(default="org_admin", examples=["org_admin"])
    locale: Language = Field(default="ko", description="The letter's language", examples=["ko"])


class PartnerInvitationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(description="Of somebody who may not have signed up yet", examples=["minji@example.com"])
    role: PartnerRole = Field(examples=["instructor"])
    locale: Language = Field(default="ko", description="The letter's language", examples=["ko"])


class InvitationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    invitation_id: UUID
    org_id: UUID
    partner_id: UUID | None = Field(description="Absent: the role is in the org itself")
    email: str
    role: str
    locale: str
    state: InvitationState
    invited_by: UUID
    created_at: datetime
    sent_at: datetime = Field(description="When the latest letter was written")
    expires_at: datetime
    accepted_at: datetime | None
    revoked_at: datetime | None


class AcceptanceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str = Field(
        min_length=1,
        max_length=200,
        description="From the letter",
        examples=["pCq0sVxHkQ3pQmVb0m1xk6s3bq6m1Yy1bq8xJ2o0Zk4"],
    )

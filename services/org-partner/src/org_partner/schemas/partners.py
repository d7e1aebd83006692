from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Email, Name


class PartnerIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["김민지 선생님"])
    owner_email: Email = Field(examples=["minji@example.com"])


class PartnerOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    partner_id: UUID
    org_id: UUID
    name: str
    created_at: datetime

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr, Field

from identity.schemas.auth import EMAIL, Locale


class InvitationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailStr = EMAIL
    locale: Locale = Field("ko", description="Of the letter", examples=["ko"])


class InvitationOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    invitation_id: UUID
    email: str
    invited_by: UUID
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

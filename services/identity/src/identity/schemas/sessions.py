from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class SessionOut(BaseModel):
    """A login that goes on."""

    model_config = ConfigDict(from_attributes=True)

    session_id: UUID
    user_agent: str
    ip: str | None = Field(description="Where the login came from")
    created_at: datetime
    last_used_at: datetime = Field(description="Its login, or its last refresh")
    expires_at: datetime
    is_current: bool = Field(False, description="Whether it is the one that asks")

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

HOUR_SECONDS = 3600


class LinkWanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_in_seconds: int = Field(default=300, ge=1, le=HOUR_SECONDS, strict=True)


class LinkOut(BaseModel):
    """`url`: below the API's own address. Whoever has it can fetch the file until `expires_at`, without a token."""

    url: str = Field(examples=["/files/AfkQ…"])
    expires_at: datetime

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class DomainIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    domain: str = Field(min_length=1, max_length=253, examples=["hanbit.example.com"])


class DomainOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    domain_id: UUID
    org_id: UUID
    domain: str = Field(description="In ASCII, as IDNA writes it")
    created_at: datetime

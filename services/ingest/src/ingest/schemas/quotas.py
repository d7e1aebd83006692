from uuid import UUID

from pydantic import BaseModel, Field


class Usage(BaseModel):
    """`limit` null: none."""

    used: int = Field(examples=[1200])
    limit: int | None = Field(examples=[10000])


class OrgQuotaOut(BaseModel):
    org_id: UUID
    bytes: Usage


class QuotaOut(BaseModel):
    """Your own documents; and, if orgs have a limit, those of each org whose classes you are in, all taken together."""

    documents: Usage
    bytes: Usage
    orgs: list[OrgQuotaOut]

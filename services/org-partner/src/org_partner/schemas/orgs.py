from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Given, Name, Reason, Version

OrgStatus = Literal["active", "suspended", "closed"]


class OrgIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["한빛 학원"])


class OrgPatch(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, Given] = Field(default=None, examples=["한빛 아카데미"])
    members_only_from_domains: Annotated[bool | None, Given] = Field(
        default=None,
        strict=True,
        description="On: roles are given to addresses of the org's domains alone",
        examples=[True],
    )
    version: Annotated[Version | None, Given] = Field(
        default=None, description="409 when the org has another one by now", examples=[3]
    )

    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude={"version"}, exclude_unset=True)


class SuspensionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(examples=["이용 요금 미납"])


class ClosingIn(SuspensionIn):
    force: bool = Field(default=False, strict=True, description="Also with open classes", examples=[False])


class OrgOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    org_id: UUID
    name: str
    status: OrgStatus = Field(description="Holds for its partners and classes as well")
    status_reason: str | None = Field(description="Why it is not active", examples=["점검"])
    members_only_from_domains: bool
    version: int
    created_at: datetime

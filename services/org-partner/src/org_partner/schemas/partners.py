from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Email, Given, Language, Name, Version

PartnerStatus = Literal["active", "suspended"]


class PartnerIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["김민지 선생님"])
    owner_email: Email = Field(examples=["minji@example.com"])
    invite_owner: bool = Field(
        default=False,
        strict=True,
        description="Send the owner an invitation, signed up or not, instead of giving them the role at once",
        examples=[False],
    )
    locale: Language = Field(default="ko", description="The invitation's language", examples=["ko"])


class PartnerPatch(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, Given] = Field(default=None, examples=["김민지 AI 교실"])
    version: Annotated[Version | None, Given] = Field(
        default=None, description="409 when the partner has another one by now", examples=[3]
    )


class PartnerMoveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    org_id: UUID = Field(examples=["01a20472-18c4-713b-8af1-3977cd6456c0"])


class PartnerOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    partner_id: UUID
    org_id: UUID
    name: str
    status: PartnerStatus
    status_reason: str | None = Field(description="Why it is not active")
    version: int
    created_at: datetime

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from org_partner.schemas.fields import Label, Prose

InviteCodeState = Literal["active", "expired", "used_up", "revoked"]


class InviteCodeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_in_hours: int = Field(strict=True, ge=1, le=24 * 366, examples=[168])
    max_uses: int = Field(strict=True, ge=1, le=10_000, examples=[30])
    label: Label = Field(default="", description="What tells it from others", examples=["3월 등록"])
    note: Prose = Field(default="", description="For the staff alone", examples=["설명회 참석자용"])

    @property
    def lifetime(self) -> timedelta:
        return timedelta(hours=self.expires_in_hours)


class InviteCodeOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    invite_code_id: UUID
    class_id: UUID
    state: InviteCodeState
    label: str
    note: str
    max_uses: int
    used_count: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class InviteCodeIssued(InviteCodeOut):
    code: str = Field(description="Shown in this answer alone", examples=["7K3M-Q0XZ-9AVT-2HND"])
    join_url: str = Field(
        description="Opens the page that redeems it", examples=["http://localhost:8000/join#code=7K3M-Q0XZ-9AVT-2HND"]
    )
    qr_png_base64: str = Field(description="A PNG of the URL as a QR code", examples=["iVBORw0KGgo="])


class Redemption(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(
        min_length=1,
        max_length=100,
        description="Case, dashes and spaces do not count",
        examples=["7K3M-Q0XZ-9AVT-2HND"],
    )

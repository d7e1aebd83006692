from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr, Field

from identity.schemas.auth import EMAIL, PASSWORD, PRESENT_PASSWORD, DisplayName, Locale


class UserOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    email: str
    email_verified: bool
    display_name: str
    locale: str
    tier: str
    status: str
    mfa_enabled: bool = Field(description="Whether a login asks for a second factor")
    created_at: datetime


class ProfileChange(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    display_name: DisplayName | None = Field(None, examples=["김민지"])
    locale: Locale | None = Field(None, examples=["en"])


class EmailChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailStr = EMAIL
    password: str = PRESENT_PASSWORD


class PasswordChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    current: str = PRESENT_PASSWORD
    new: str = PASSWORD


class Deactivation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: str = PRESENT_PASSWORD


class Anonymisation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: str = PRESENT_PASSWORD
    confirm: Literal["anonymise"] = Field(description="So that it happens to nobody by mistake", examples=["anonymise"])

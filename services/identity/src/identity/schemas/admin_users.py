import unicodedata
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from chassis.keyset import MAX_CURSOR
from chassis.paging import MAX_PAGE

# PostgreSQL keeps no NUL, and nothing that people look for or write has the others.
_NO_CONTROLS = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
Part = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254, pattern=_NO_CONTROLS)]

Tier = Literal["supervisor", "user"]
Status = Literal["active", "deactivated", "suspended", "anonymised"]
Sort = Literal["created_at", "email", "display_name", "last_login_at"]


def _composed(value: Any) -> Any:
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


class UserFilters(BaseModel):
    """A time's beginning belongs to it, its end does not."""

    model_config = ConfigDict(extra="forbid")

    email: Part | None = Field(default=None, description="Part of the address", examples=["@example.com"])
    name: Part | None = Field(default=None, description="Part of the name, large or small letters", examples=["김민"])
    tier: Tier | None = Field(default=None, examples=["user"])
    status: Status | None = Field(default=None, examples=["active"])
    email_verified: bool | None = Field(default=None, examples=[True])
    mfa_enabled: bool | None = Field(default=None, examples=[False])
    created_from: AwareDatetime | None = Field(default=None, examples=["2026-11-01T00:00:00+09:00"])
    created_to: AwareDatetime | None = Field(default=None, examples=["2026-12-01T00:00:00+09:00"])
    last_login_from: AwareDatetime | None = Field(default=None, examples=["2026-11-01T00:00:00+09:00"])
    last_login_to: AwareDatetime | None = Field(default=None, examples=["2026-12-01T00:00:00+09:00"])


class UserExportQuery(UserFilters):
    sort: Sort = Field(default="created_at", examples=["email"])
    order: Literal["asc", "desc"] = Field(default="desc", examples=["asc"])


class UsersQuery(UserExportQuery):
    limit: int = Field(default=50, ge=1, le=MAX_PAGE, description="Rows per page", examples=[50])
    cursor: str | None = Field(
        default=None, max_length=MAX_CURSOR, description="`next_cursor` of the page before, of the same order"
    )


class Suspension(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str,
        # First of all, so that pydantic applies them together, and a reason of blanks is none.
        StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=_NO_CONTROLS),
        BeforeValidator(_composed),
    ] = Field(description="For other supervisors; the user does not see it", examples=["여러 사람이 함께 쓰는 계정"])


class UserAnonymisation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    confirm: str = Field(
        min_length=1, max_length=254, description="The account's e-mail address", examples=["minji@example.com"]
    )


class UserRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    email: str
    display_name: str
    tier: Tier = Field(examples=["user"])
    status: Status = Field(examples=["active"])
    locale: str
    email_verified_at: datetime | None
    mfa_enabled: bool
    created_at: datetime
    last_login_at: datetime | None


class ServiceErasureOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    service: str = Field(examples=["identity"])
    erased: dict[str, int] = Field(description="Rows by table")
    remaining: int = Field(description="Rows of personal data that are left")
    erased_at: datetime


class ErasureOut(BaseModel):
    """`complete`: every service has reported, and nothing remains."""

    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    anonymised_at: datetime | None
    complete: bool
    reported: list[ServiceErasureOut]
    outstanding: list[str] = Field(description="Services that have not reported yet", examples=[["ingest"]])


class UserDetail(UserRow):
    status_reason: str | None = Field(examples=["수업료 미납"])
    deactivated_at: datetime | None
    anonymised_at: datetime | None
    sessions: int = Field(description="Live ones")
    recovery_codes: int = Field(description="Unused ones")
    linked_identities: int
    api_keys: int = Field(description="Active ones")
    erasure: ErasureOut | None = Field(default=None, description="Of an anonymised user")

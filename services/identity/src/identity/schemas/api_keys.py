from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from contracts.scopes import SCOPES
from identity.schemas.auth import DisplayName

LONGEST_DAYS = 366


def _known(scope: str) -> str:
    if scope not in SCOPES:
        expected = ", ".join(SCOPES)
        raise PydanticCustomError("literal_error", "Input should be one of: {expected}", {"expected": expected})
    return scope


Scope = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": [*SCOPES]})]
Days = Annotated[int, Field(strict=True, ge=1, le=LONGEST_DAYS, examples=[90])]
State = Literal["active", "expired", "revoked"]


def _once(scopes: list[str]) -> list[str]:
    return sorted(set(scopes))


class ApiKeyIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: DisplayName = Field(examples=["학습 분석 배치"])
    scopes: Annotated[list[Scope], AfterValidator(_once)] = Field(
        min_length=1, max_length=len(SCOPES), examples=[["documents:read", "search:read"]]
    )
    expires_in_days: Days

    @property
    def lifetime(self) -> timedelta:
        return timedelta(days=self.expires_in_days)


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_in_days: Days | None = Field(default=None, description="Absent: as long as the old key was to live")
    keep_hours: int = Field(
        default=24, strict=True, ge=0, le=168, examples=[24], description="How long the old key goes on; 0: it ends now"
    )

    @property
    def lifetime(self) -> timedelta | None:
        return None if self.expires_in_days is None else timedelta(days=self.expires_in_days)

    @property
    def keep(self) -> timedelta:
        return timedelta(hours=self.keep_hours)


class ApiKeyOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    api_key_id: UUID
    prefix: str = Field(examples=["gfk_0198c7a0f3c27d1e8b0a4c5d6e7f8091"])
    name: str
    scopes: list[str]
    state: State
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyIssued(ApiKeyOut):
    api_key: str = Field(
        description="Shown in this answer alone",
        examples=["gfk_0198c7a0f3c27d1e8b0a4c5d6e7f8091_q3Jm0zq2n4v8Yh1s5Xw7Ue9Rk6Tb2Lc0Pd4Ga8Fi1Vo_fbfd8a2e"],
    )


class ApiKeyTrade(BaseModel):
    model_config = ConfigDict(extra="forbid")

    api_key: str = Field(
        min_length=1,
        max_length=200,
        examples=["gfk_0198c7a0f3c27d1e8b0a4c5d6e7f8091_q3Jm0zq2n4v8Yh1s5Xw7Ue9Rk6Tb2Lc0Pd4Ga8Fi1Vo_fbfd8a2e"],
    )


class ApiKeyToken(BaseModel):
    """For as long as `expires_in` says; there is no refresh token, the key itself is traded again."""

    model_config = ConfigDict(from_attributes=True)

    access_token: str = Field(examples=["eyJhbGciOiJFZERTQSIsImtpZCI6IjRlMWIifQ.eyJzdWIiOiIwMTk4In0.c2lnbmF0dXJl"])
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a scheme's name
    expires_in: int = Field(description="Seconds until the access token expires")

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ProviderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["google"])
    title: str = Field(examples=["Google"])


class OidcStart(BaseModel):
    model_config = ConfigDict(extra="forbid")

    redirect_uri: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="A page below PUBLIC_URL; absent: this API's own callback",
        examples=["https://growfit.example.com/login/google"],
    )


class OidcStarted(BaseModel):
    """Keep `login_token` in the browser that goes to `authorization_url`; `complete` asks for it."""

    model_config = ConfigDict(from_attributes=True)

    authorization_url: str = Field(examples=["https://login.example.com/authorize?client_id=growfit&state=Xk3v"])
    state: str
    login_token: str
    expires_in: int = Field(description="Seconds within which the login must come back")


class OidcComplete(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: str = Field(min_length=20, max_length=200, examples=["q3Jm0zq2n4v8Yh1s5Xw7Ue9Rk6Tb2Lc0Pd4Ga8Fi1Vo"])
    code: str = Field(min_length=1, max_length=4096, examples=["SplxlOBeZQQYbYS6WxSbIA"])
    login_token: str = Field(min_length=20, max_length=200, examples=["mN4bV6cX8zL0kJ2hG4fD6sA8pO0iU2yT4rE6wQ8aZ1x"])


class IdentityOut(BaseModel):
    """A login at a provider that opens this account."""

    model_config = ConfigDict(from_attributes=True)

    identity_id: UUID
    provider: str = Field(examples=["school"])
    email: str
    linked_at: datetime
    last_login_at: datetime | None

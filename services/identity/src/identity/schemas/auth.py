from typing import Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field

# The upper bound keeps a hash from becoming a way to burn processor time.
PASSWORD = Field(min_length=10, max_length=128, examples=["correct-horse-battery"])


class SignUp(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailStr = Field(max_length=254, examples=["minji@example.com"])
    password: str = PASSWORD
    display_name: str = Field(min_length=1, max_length=80, examples=["김민지"])
    locale: Literal["ko", "en"] = "ko"


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailStr = Field(max_length=254, examples=["minji@example.com"])
    password: str = Field(min_length=1, max_length=128, examples=["correct-horse-battery"])


class Refresh(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: str = Field(min_length=20, max_length=200)


class Tokens(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a scheme's name
    expires_in: int = Field(description="Seconds until the access token expires")

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, StringConstraints

# The upper bound keeps a hash from becoming a way to burn processor time.
PASSWORD = Field(min_length=10, max_length=128, examples=["correct-horse-battery"])

PRESENT_PASSWORD = Field(min_length=1, max_length=128, examples=["correct-horse-battery"])
EMAIL = Field(max_length=254, examples=["minji@example.com"])
_TOKEN_EXAMPLE = "Xk3vQ0pT9sLr5hYw2bNc7dJf4gMa8eUz1iRo6xVtPyE"  # noqa: S105  an example
TOKEN = Field(min_length=20, max_length=200, examples=[_TOKEN_EXAMPLE])
TOKEN_OR_NONE = Field(
    None,
    min_length=16,
    max_length=200,
    description="Of the letter that invited this address: to sign up, to a role (its token) or to a class (its code)",
    examples=[_TOKEN_EXAMPLE],
)

Locale = Literal["ko", "en"]

# No control characters, no line ends, and nothing that turns the writing direction of what follows.
_SAFE = r"[^\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]"


def _composed(value: Any) -> Any:
    # macOS and some IMEs send Hangul in pieces; composed first, so that the length is the one that people see.
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


# At least one letter or digit, so that a name is never invisible.
DisplayName = Annotated[
    str,
    BeforeValidator(_composed),
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=80, pattern=rf"^{_SAFE}*[\p{{L}}\p{{N}}]{_SAFE}*$"
    ),
]


class SignUp(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailStr = EMAIL
    password: str = PASSWORD
    display_name: DisplayName = Field(examples=["김민지"])
    locale: Locale = Field("ko", examples=["ko"])
    invitation_token: str | None = TOKEN_OR_NONE


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailStr = EMAIL
    password: str = PRESENT_PASSWORD


class Refresh(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: str = Field(min_length=20, max_length=200, examples=["q1Zr0vYl0m8Jx7c2Kp4nW9sT3dF6gH5jL8bV1aE0uQk"])


class Tokens(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a scheme's name
    expires_in: int = Field(description="Seconds until the access token expires")


class SecondStep(BaseModel):
    """The password was right; `mfa_token` and a code are traded for tokens at `POST /auth/login/mfa`."""

    model_config = ConfigDict(from_attributes=True)

    mfa_required: Literal[True] = True
    mfa_token: str = Field(validation_alias=AliasChoices("mfa_token", "token"))
    expires_in: int = Field(description="Seconds until `mfa_token` expires")
    methods: list[str] = Field(examples=[["totp", "recovery_code"]])


class AccessToken(BaseModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a scheme's name
    expires_in: int = Field(description="Seconds until the access token expires")


class EmailToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str = TOKEN


class EmailAddress(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: EmailStr = EMAIL


class PasswordReset(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: str = TOKEN
    password: str = PASSWORD


class Accepted(BaseModel):
    """The same whatever became of it: who has an account is not told."""

    accepted: Literal[True] = True

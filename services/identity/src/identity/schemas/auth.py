import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, StringConstraints

# The upper bound keeps a hash from becoming a way to burn processor time.
PASSWORD = Field(min_length=10, max_length=128, examples=["correct-horse-battery"])

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

    email: EmailStr = Field(max_length=254, examples=["minji@example.com"])
    password: str = PASSWORD
    display_name: DisplayName = Field(examples=["김민지"])
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


class SecondStep(BaseModel):
    """The password was right; `mfa_token` and a code are traded for tokens at `POST /auth/login/mfa`."""

    model_config = ConfigDict(from_attributes=True)

    mfa_required: Literal[True] = True
    mfa_token: str = Field(validation_alias=AliasChoices("mfa_token", "token"))
    expires_in: int = Field(description="Seconds until `mfa_token` expires")
    methods: list[str] = Field(examples=[["totp", "recovery_code"]])

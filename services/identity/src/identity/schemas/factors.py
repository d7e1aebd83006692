from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CODE = Field(
    min_length=6,
    max_length=40,
    description="Six digits of the app, or a recovery code; case, spaces and dashes do not count",
    examples=["492039"],
)
PASSWORD = Field(min_length=1, max_length=128, examples=["correct-horse-battery"])


class MfaStatus(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    enabled: bool
    confirmed_at: datetime | None
    recovery_codes_left: int
    required: bool = Field(description="Whether the platform asks a second factor of this user")


class TotpStarted(BaseModel):
    """Shown in this answer alone; it counts once a code of it is confirmed."""

    model_config = ConfigDict(from_attributes=True)

    secret: str = Field(description="Base32, to be typed into the app", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    otpauth_uri: str = Field(
        description="The same for a QR code",
        examples=["otpauth://totp/GrowFit:minji%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=GrowFit"],
    )


class Confirmation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=6, max_length=12, description="Six digits of the app", examples=["492039"])


class RecoveryCodes(BaseModel):
    """Each lets in once without the app. Shown in this answer alone; only their hashes are kept."""

    model_config = ConfigDict(from_attributes=True)

    recovery_codes: list[str] = Field(examples=[["7K3M-Q0XZ-9AVT-2HND", "V5RC-1TPW-8E0Y-KJ4M"]])


class TotpConfirmed(RecoveryCodes):
    refresh_needed: bool = Field(
        description="The session could do nothing but this until now: refresh its token, and it can do everything"
    )


class TotpStart(BaseModel):
    """The password of whoever has one, unless the session is good for nothing but this."""

    model_config = ConfigDict(extra="forbid")

    password: Annotated[str | None, PASSWORD] = None


class ProofIn(BaseModel):
    """A code, to show once more who it is. The password alone is not enough for what it does not open."""

    model_config = ConfigDict(extra="forbid")

    code: str = CODE


class SecondStepIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mfa_token: str = Field(min_length=20, max_length=200, examples=["q3Jm0zq2n4v8Yh1s5Xw7Ue9Rk6Tb2Lc0Pd4Ga8Fi1Vo"])
    code: str = CODE

"""Codes of authenticator apps (RFC 6238) and recovery codes, without anything that is kept."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

import pyotp
from pyotp.exceptions import OTPVerificationError

ISSUER = "GrowFit"
# Clocks of phones are seldom more than one step of 30 s wrong.
WINDOW_STEPS = 1
_DIGITS = 6

RECOVERY_CODES = 10
_GROUPS, _GROUP = 4, 4
# Crockford's: no I, L, O, U. 16 of them are 80 random bits, so a plain SHA-256 of one cannot be turned back.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011", " -")


def new_secret() -> str:
    return pyotp.random_base32()


def uri(secret: str, *, account: str) -> str:
    """What a QR code tells an authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def normal(code: str) -> str:
    """As it is compared: case, spaces and dashes do not count, nor do letters that look like digits."""
    return code.upper().translate(_READ_AS)


def is_of_app(code: str) -> bool:
    return len(code) == _DIGITS and code.isascii() and code.isdigit()


def step_of(secret: str, code: str, *, at: datetime) -> int | None:
    """The time step whose code it is; None: of none that is near enough."""
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=at, valid_window=WINDOW_STEPS)
    except OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    return [
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    ]


def recovery_digest(user_id: UUID, code: str) -> bytes:
    return hashlib.sha256(user_id.bytes + normal(code).encode()).digest()

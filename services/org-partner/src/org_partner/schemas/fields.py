"""Fields that several forms share."""

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field, StringConstraints


def _composed(text: str) -> str:
    # macOS and some IMEs send Hangul in pieces, which would neither be found nor sorted as the same name.
    return unicodedata.normalize("NFC", text)


# No control characters, no line ends, and nothing that turns the writing direction of what follows.
_SAFE = r"[^\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]"
# At least one letter or digit, so that a name is never invisible.
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=120, pattern=rf"^{_SAFE}*[\p{{L}}\p{{N}}]{_SAFE}*$"
    ),
    AfterValidator(_composed),
]
Email = Annotated[EmailStr, Field(max_length=254)]


def _given(value: Any) -> Any:
    if value is None:
        raise ValueError("leave the field out to keep what is there")
    return value


# For fields of a change, of which each may be left out: `Name | None` with this, and None by default.
Given = BeforeValidator(_given)

# One line that says why.
Reason = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=500, pattern=rf"^{_SAFE}*[\p{{L}}\p{{N}}]{_SAFE}*$"
    ),
    AfterValidator(_composed),
]
# A part of a name or an address, to look for.
SearchText = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=rf"^{_SAFE}+$"), AfterValidator(_composed)
]
# One line, or nothing.
Label = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=120, pattern=rf"^{_SAFE}*$"), AfterValidator(_composed)
]
# Several lines, or none.
Prose = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=2000, pattern=rf"^({_SAFE}|[\n\r\t])*$"),
    AfterValidator(_composed),
]
# As in a row that shall not have been changed meanwhile.
Version = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
PartnerRole = Literal["partner_owner", "instructor", "assistant"]
Language = Literal["ko", "en"]

"""Fields that several forms share."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, EmailStr, Field, StringConstraints


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

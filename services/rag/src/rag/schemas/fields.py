"""What the texts of several forms have in common."""

import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints

# PostgreSQL has no such character in its texts.
NO_NUL = r"^[^\x00]*$"

# For the examples of fields that hold an id.
AN_ID = "0198c0de-0000-7000-8000-0000000000c1"

# Not blank: there is nothing to look for, and an embedding server would be blamed for refusing it.
Asked = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

# No control characters, no line ends, and nothing that turns the writing direction of what follows.
_SAFE = r"[^\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]"


def _composed(text: str) -> str:
    # macOS and some IMEs send Hangul in pieces, which nobody would find by typing it.
    return unicodedata.normalize("NFC", text)


# At least one letter or digit, so that a name is never invisible.
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=120, pattern=rf"^{_SAFE}*[\p{{L}}\p{{N}}]{_SAFE}*$"
    ),
    AfterValidator(_composed),
]


def _given(value: Any) -> Any:
    if value is None:
        raise ValueError("leave the field out to keep what is there")
    return value


# For fields of a change, of which each may be left out: `Name | None` with this, and None by default.
Given = BeforeValidator(_given)

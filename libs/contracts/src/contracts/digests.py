"""What stands on the bus in the place of a token, a code or an address: SHA-256, which both ends work out alike.

No salt and no slow hash: 256 random bits of a token, or 80 of a code, cannot be guessed from it. An address could be,
so its digest only keeps addresses out of what is stored and read for other reasons.
"""

import hashlib
import unicodedata

# Crockford's base32 has no I, L, O or U: what is read as one of the first three is typed as the digit it looks like.
_LOOK_ALIKES = str.maketrans("ILO", "110")


def of_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def of_code(code: str) -> bytes:
    """Of what was meant: case, dashes, spaces and full-width letters of Korean keyboards do not count."""
    plain = unicodedata.normalize("NFKC", code).upper()
    meant = "".join(letter for letter in plain if letter.isalnum()).translate(_LOOK_ALIKES)
    return hashlib.sha256(meant.encode()).digest()


def of_address(email: str) -> bytes:
    return hashlib.sha256(email.lower().encode()).digest()

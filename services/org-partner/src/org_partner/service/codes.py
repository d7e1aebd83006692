"""Invite codes as text: 80 random bits that a person can read aloud, copy from a blackboard and type."""

import hashlib
import secrets
import unicodedata

# Crockford's base32: no I, L, O or U. What is read as one of the first three is typed as the digit it looks like.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 16
_GROUP = 4
_LOOK_ALIKES = str.maketrans("ILO", "110")


def new_code() -> str:
    """Like `7K3M-Q0XZ-9AVT-2HND`."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def digest(code: str) -> bytes:
    """SHA-256 of what was meant: case, dashes, spaces and full-width letters of Korean keyboards do not count.

    No salt and no slow hash: 80 random bits cannot be guessed from it.
    """
    plain = unicodedata.normalize("NFKC", code).upper()
    meant = "".join(letter for letter in plain if letter.isalnum()).translate(_LOOK_ALIKES)
    return hashlib.sha256(meant.encode()).digest()


def join_url(public_url: str, code: str) -> str:
    """After the `#`, which browsers send to no server and write into no log."""
    return f"{public_url.rstrip('/')}/join#code={code}"

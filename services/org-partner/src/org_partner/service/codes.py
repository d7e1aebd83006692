"""Invite codes as text: 80 random bits that a person can read aloud, copy from a blackboard and type."""

import secrets

# Crockford's base32: no I, L, O or U; `contracts.digests.of_code` reads what is typed in their place.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 16
_GROUP = 4


def new_code() -> str:
    """Like `7K3M-Q0XZ-9AVT-2HND`."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def join_url(public_url: str, code: str) -> str:
    """After the `#`, which browsers send to no server and write into no log."""
    return f"{public_url.rstrip('/')}/join#code={code}"

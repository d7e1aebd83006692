"""One-time tokens: 256 random bits in a letter, their SHA-256 in the database."""

import secrets
from datetime import timedelta
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncSession

from contracts import digests
from identity.crud import account_tokens
from identity.models import User


class Purpose(StrEnum):
    VERIFY_EMAIL = "verify_email"
    CHANGE_EMAIL = "change_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105  the name of a purpose


HOURS = {Purpose.VERIFY_EMAIL: 24, Purpose.CHANGE_EMAIL: 24, Purpose.RESET_PASSWORD: 1}


def new() -> str:
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    return digests.of_token(token)


async def issue(session: AsyncSession, user: User, purpose: Purpose, *, email: str) -> str:
    """A token for whoever reads the letters to `email`; the user's older one of that purpose is void."""
    token = new()
    await account_tokens.put(
        session,
        user_id=user.user_id,
        purpose=purpose,
        digest=digest(token),
        email=email,
        lifetime=timedelta(hours=HOURS[purpose]),
    )
    return token

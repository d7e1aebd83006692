"""The current time, UTC and aware; Asia/Seoul exists only at the edges."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)

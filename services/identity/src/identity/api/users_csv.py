"""The users table as CSV."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chassis import csv_cells
from identity.schemas.admin_users import UserRow

COLUMNS = tuple(UserRow.model_fields)
_SEOUL = ZoneInfo("Asia/Seoul")


async def csv_of(pages: AsyncIterator[Sequence[UserRow]]) -> AsyncIterator[bytes]:
    """A piece for each page."""
    yield csv_cells.head(COLUMNS)
    async for page in pages:
        yield b"".join(csv_cells.line(_cell(getattr(row, name)) for name in COLUMNS) for row in page)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return value.astimezone(_SEOUL).isoformat(timespec="seconds")
    return str(value)

"""The users table as CSV that a spreadsheet opens rightly: Korean text is Korean, and no cell is a formula."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from identity.schemas.admin_users import UserRow

COLUMNS = tuple(UserRow.model_fields)
_SEOUL = ZoneInfo("Asia/Seoul")
_BOM = "\ufeff"
# A spreadsheet runs a cell that begins so, and people choose their names themselves. The wide ones are typed by those
# who type Korean or Japanese.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def csv_of(pages: AsyncIterator[Sequence[UserRow]]) -> AsyncIterator[bytes]:
    """A piece for each page."""
    yield (_BOM + _lines([COLUMNS])).encode()
    async for page in pages:
        yield _lines([_cell(getattr(row, name)) for name in COLUMNS] for row in page).encode()


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return value.astimezone(_SEOUL).isoformat(timespec="seconds")
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text

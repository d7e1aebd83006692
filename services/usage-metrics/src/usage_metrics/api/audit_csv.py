"""Entries as CSV that a spreadsheet opens rightly: Korean text is Korean, and no cell is a formula."""

import csv
import io
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any

from usage_metrics.schemas.audit_events import AuditLine
from usage_metrics.service.periods import SEOUL

COLUMNS = tuple(AuditLine.model_fields)
_BOM = "\ufeff"
# What makes a spreadsheet run the cell: others write these texts, and supervisors open the file. The wide ones count
# where Korean and Japanese are typed.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def lines_of(pages: AsyncIterable[Sequence[Any]]) -> AsyncIterator[str]:
    """A piece for each page; rows have COLUMNS as attributes."""
    yield _BOM + _lines([COLUMNS])
    async for page in pages:
        yield _lines([_cell(getattr(entry, name)) for name in COLUMNS] for entry in page)


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(SEOUL).isoformat()
        case dict():
            return json.dumps(value, ensure_ascii=False)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text

"""Entries of the audit log as CSV."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from chassis import csv_cells
from usage_metrics.schemas.audit_events import AuditLine
from usage_metrics.service.periods import SEOUL

COLUMNS = tuple(AuditLine.model_fields)


async def lines_of(pages: AsyncIterable[Sequence[Any]]) -> AsyncIterator[bytes]:
    """A piece for each page; rows have COLUMNS as attributes."""
    yield csv_cells.head(COLUMNS)
    async for page in pages:
        yield b"".join(csv_cells.line(_cell(getattr(entry, name)) for name in COLUMNS) for entry in page)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(SEOUL).isoformat()
        case dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)

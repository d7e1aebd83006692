"""XLSX: the sheets that can be seen, each from a new page on, with the values that were last worked out.

openpyxl reads rows as a stream: one cell in the last row and column of a sheet costs nothing, where readers that lay
out the whole rectangle need 17 billion places.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from ingest.adapters.parsers.archive import LIMITS, Limits, check
from ingest.adapters.parsers.damage import damage_is_refused
from ingest.adapters.parsers.flow import MAX_CHARACTERS, Flow
from ingest.adapters.parsers.media import XLSX
from ingest.adapters.parsers.page import Page, Refused

# Places that are looked at in all sheets together, empty ones too; a stray cell in the last row costs a million.
MAX_PLACES = 10_000_000


def pages(path: Path, *, limits: Limits = LIMITS, max_places: int = MAX_PLACES) -> Iterator[Page]:
    flow = Flow()
    with damage_is_refused():
        check(path, XLSX, limits=limits)
        # A name without an ending is not opened, a file is.
        with path.open("rb") as file:
            _read(file, flow, max_places)
    yield from flow.pages()


def _read(file: BinaryIO, flow: Flow, max_places: int) -> None:
    from openpyxl.reader.excel import load_workbook  # noqa: PLC0415  other formats do not need it

    workbook: Any = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    budget = _Budget(max_places)
    for sheet in workbook.worksheets:
        if sheet.sheet_state != "visible":
            continue
        # What a sheet says of its own size may be a lie, and rows would be filled up to it.
        sheet.reset_dimensions()
        rows = list(_rows(sheet.iter_rows(values_only=True), budget))
        flow.break_page()
        flow.begin_table(title=sheet.title)
        columns = sorted({column for row in rows for column in row})
        for number, row in enumerate(rows):
            last = max(row)
            cells = [row.get(column, "") for column in columns if column <= last]
            flow.add_row(cells, is_header=number == 0 and len(rows) > 1)


class _Budget:
    """What all sheets together may cost before it is known what is in them."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._characters = MAX_CHARACTERS

    def spend(self, places: int, characters: int) -> None:
        """Raises Refused."""
        self._places -= places
        self._characters -= characters
        if self._places < 0:
            raise Refused("table_too_large")
        if self._characters < 0:
            raise Refused("text_too_long")


def _rows(rows: Iterable[tuple[Any, ...]], budget: _Budget) -> Iterator[dict[int, str]]:
    """Column → text of every row that has any."""
    for row in rows:
        texts = {column: text for column, value in enumerate(row) if value is not None and (text := as_text(value))}
        budget.spend(len(row) + 1, sum(map(len, texts.values())))
        if texts:
            yield texts


def as_text(value: Any) -> str:  # noqa: PLR0911  one line a type
    """Dates and times as ISO writes them, numbers without the noise of their last binary digits."""
    match value:
        case bool():
            return str(value).upper()
        case float():
            return format(value, ".15g")
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(timespec="seconds")
        case date():
            return value.isoformat()
        case time():
            return value.isoformat(timespec="seconds")
        case timedelta():
            return _duration(value)
        case _:
            return str(value).strip()


def _duration(value: timedelta) -> str:
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"

"""CSV and TSV: rows of a table. What separates the columns is found out, not believed."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ingest.adapters.parsers.encodings import decode
from ingest.adapters.parsers.flow import Flow
from ingest.adapters.parsers.grid import MAX_COLUMNS
from ingest.adapters.parsers.page import MAX_CHARACTERS, Page, Refused, clean

_SEPARATORS = (",", "\t", ";", "|")
_SAMPLE_CHARACTERS, _SAMPLE_ROWS = 65_536, 100
_SEPARATOR_LINE = "sep="


def pages(path: Path) -> Iterator[Page]:
    """The first row is the header, as it is in nearly every such file; each page repeats it."""
    text = clean(decode(path.read_bytes()))
    # A field may hold line ends, so the longest one is bounded by the document alone.
    csv.field_size_limit(MAX_CHARACTERS)
    separator = separator_of(text)
    flow = Flow()
    flow.begin_table()
    is_first = True
    try:
        for row in _rows(text, separator):
            if len(row) > MAX_COLUMNS:
                raise Refused("table_too_large")
            if any(map(str.strip, row)):
                flow.add_row(row, is_header=is_first)
                is_first = False
    except csv.Error as error:
        raise Refused("file_damaged") from error
    yield from flow.pages()


def separator_of(text: str) -> str:
    """The one that cuts most of the first rows into the same number of columns, and into more than one.

    Python's `csv.Sniffer` guesses from single characters and takes letters for separators.
    """
    if text[: len(_SEPARATOR_LINE)].lower() == _SEPARATOR_LINE:
        named = text[len(_SEPARATOR_LINE) :][:1]
        return named if named in _SEPARATORS else ","
    return max(_SEPARATORS, key=lambda separator: _evenness(text[:_SAMPLE_CHARACTERS], separator))


def _evenness(sample: str, separator: str) -> tuple[float, int]:
    try:
        rows = [row for row, _ in zip(_rows(sample, separator), range(_SAMPLE_ROWS), strict=False)]
    except csv.Error:
        return (0.0, 0)
    # The last row of a sample may be cut off.
    widths = Counter(len(row) for row in (rows[:-1] or rows) if row)
    if not widths:
        return (0.0, 0)
    width, count = widths.most_common(1)[0]
    return (count / widths.total() if width > 1 else 0.0, width)


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    lines = io.StringIO(text, newline="")
    if text[: len(_SEPARATOR_LINE)].lower() == _SEPARATOR_LINE:
        lines.readline()
    return csv.reader(lines, delimiter=separator)

"""CSV that a spreadsheet opens rightly: Korean text is Korean, and no cell is a formula.

Source: RFC 4180; of formulas in cells, OWASP's page on CSV injection.
"""

import csv
import io
from collections.abc import Iterable

# Spreadsheets run a cell that begins with one of these, and people choose their names themselves. The wide ones are
# typed by those who type Korean or Japanese.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
GUARD = "'"

_BOM = "\ufeff"
_NUL, _REPLACEMENT = "\x00", "\ufffd"


def head(columns: Iterable[str]) -> bytes:
    """The first line. Excel takes UTF-8 for CP949 without its mark."""
    return _BOM.encode() + line(columns)


def line(cells: Iterable[str]) -> bytes:
    """Every cell in quotes, so that no other separator cuts it in two."""
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(_harmless, cells))
    return buffer.getvalue().encode()


def attachment(name: str) -> dict[str, str]:
    """The headers of a file that browsers save and that nobody on the way keeps. `name`: ASCII, the code's own."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def _harmless(cell: str) -> str:
    # Readers stop at a NUL, or drop it and then see the sign behind it.
    text = cell.replace(_NUL, _REPLACEMENT)
    return f"{GUARD}{text}" if text.startswith(FORMULA_SIGNS) else text

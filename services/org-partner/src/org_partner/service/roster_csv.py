"""Rosters as CSV, as people's spreadsheets write them; Korean ones still save CP949."""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from chassis import csv_cells
from chassis.errors import Invalid
from org_partner.errors import (
    CSV_COLUMNS_MISSING,
    CSV_EMPTY,
    CSV_ENCODING_UNKNOWN,
    CSV_TOO_MANY_ROWS,
    CSV_UNREADABLE,
)

MAX_BYTES = 1024 * 1024
MAX_ROWS = 2_000

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# What no text has: a file with one of these is no text, whatever it can be decoded as.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_STATUS = frozenset({"상태", "status"})
# As an export of ours writes it, in either language.
_ENDED = frozenset({"종료", "ended"})
_EMAIL = frozenset({"이메일", "이메일주소", "메일", "email", "e-mail", "emailaddress", "mail"})
_LONGEST_SHOWN = 254


@dataclass(frozen=True, slots=True)
class RosterRow:
    """`number`: as the spreadsheet counts, the line of names being 1. `email` None: what is written is no address.

    `has_ended`: the roster itself says that the student is no more in the class it was exported from.
    """

    number: int
    written: str
    email: str | None
    has_ended: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    email: int
    status: int | None


def parse(content: bytes) -> list[RosterRow]:
    """
    Raises:
        Invalid: no text, no CSV, no column of addresses, no rows or too many.
    """
    text = _decode(content)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    columns: _Columns | None = None
    rows: list[RosterRow] = []
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _find_columns(cells)
                continue
            if len(rows) == MAX_ROWS:
                raise Invalid(CSV_TOO_MANY_ROWS, limit=MAX_ROWS)
            has_ended = _plain(_cell(cells, columns.status)) in _ENDED
            rows.append(_row(number, _cell(cells, columns.email), has_ended=has_ended))
    except csv.Error as error:
        raise Invalid(CSV_UNREADABLE, csv_row=number + 1) from error
    if not rows:
        raise Invalid(CSV_EMPTY)
    return rows


def _decode(content: bytes) -> str:
    if content.startswith(_UTF_16):
        raise Invalid(CSV_ENCODING_UNKNOWN)
    for encoding in ("utf-8-sig", "cp949"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _CONTROLS.search(text):
            break
        return text
    raise Invalid(CSV_ENCODING_UNKNOWN)


def _delimiter(text: str) -> str:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _find_columns(cells: list[str]) -> _Columns:
    names = ["".join(_plain(cell).split()) for cell in cells]
    emails, statuses = ([place for place, name in enumerate(names) if name in wanted] for wanted in (_EMAIL, _STATUS))
    if len(emails) != 1:
        raise Invalid(CSV_COLUMNS_MISSING)
    return _Columns(emails[0], statuses[0] if len(statuses) == 1 else None)


def _cell(cells: list[str], column: int | None) -> str:
    return cells[column] if column is not None and column < len(cells) else ""


def _row(number: int, cell: str, *, has_ended: bool) -> RosterRow:
    plain = _plain(cell)
    if plain.startswith(csv_cells.GUARD) and plain[1:].startswith(csv_cells.FORMULA_SIGNS):
        plain = plain[1:]  # as an export of ours writes it
    return RosterRow(number, cell.strip()[:_LONGEST_SHOWN], _address(plain), has_ended)


def _address(plain: str) -> str | None:
    if len(plain) > _LONGEST_SHOWN:
        return None
    try:
        return validate_email(plain, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


def _plain(cell: str) -> str:
    """As it was meant: full-width letters of Korean keyboards and capitals do not count."""
    return unicodedata.normalize("NFKC", cell).strip().lower()

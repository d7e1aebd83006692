"""What people and attackers have in the cells of a CSV file, and what a spreadsheet makes of it."""

import csv
import io

import pytest

from chassis import csv_cells

SIGNS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]


def read(content: bytes) -> list[list[str]]:
    return [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)]


@pytest.mark.parametrize("sign", SIGNS)
def test_no_cell_is_run_by_a_spreadsheet(sign) -> None:
    cell = f"{sign}cmd|'/c calc'!A0"

    assert read(csv_cells.line(["김민지", cell])) == [["김민지", f"'{cell}"]]


@pytest.mark.parametrize("sign", SIGNS)
def test_a_name_of_a_column_is_not_run_either(sign) -> None:
    assert read(csv_cells.head([f"{sign}1"])) == [[f"'{sign}1"]]


@pytest.mark.parametrize("cell", ["1=1", "a+b", "2026-11-26", "minji@example.com", " =1", "'=1", "김＝민지", ""])
def test_what_no_spreadsheet_runs_stays_as_it_is(cell) -> None:
    assert read(csv_cells.line([cell, ""])) == [[cell, ""]]


def test_a_nul_cuts_nothing_off_and_hides_no_formula() -> None:
    assert read(csv_cells.line(["a\x00b", "\x00=1+1"])) == [["a\ufffdb", "\ufffd=1+1"]]
    assert b"\x00" not in csv_cells.head(["\x00"])


def test_what_is_written_is_read_as_it_was() -> None:
    cells = ['말 "따옴표"', "쉼표, 세미;콜론", "두\n줄", "두\r\n줄", "🙂", ""]

    assert read(csv_cells.head("abcdef") + csv_cells.line(cells)) == [[*"abcdef"], cells]


def test_the_bytes() -> None:
    """The mark once, quotes around everything, and lines that end as RFC 4180 wants them."""
    assert csv_cells.head(["이름", "n"]) == b'\xef\xbb\xbf"' + "이름".encode() + b'","n"\r\n'
    assert csv_cells.line(["1;2", ""]) == b'"1;2",""\r\n'


def test_the_headers_of_a_file() -> None:
    assert csv_cells.attachment("users.csv") == {
        "Content-Disposition": 'attachment; filename="users.csv"',
        "Cache-Control": "no-store",
    }

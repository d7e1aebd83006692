"""What of a workbook becomes rows."""

from datetime import date, datetime, time, timedelta

import pytest
from growfit_documents import office
from openpyxl import Workbook

from ingest.adapters.parsers import xlsx
from ingest.adapters.parsers.page import Refused

SHEET = "xl/worksheets/sheet1.xml"
CELLS = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}<sheetData>{}</sheetData></worksheet>'


def with_cells(cells: str, *, before: str = "") -> bytes:
    return office.rezipped(office.xlsx_of([("가",)]), {SHEET: CELLS.format(before, cells).encode()})


def text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def test_sheets_that_can_be_seen_are_pages_of_rows(read, outline) -> None:
    first, second = read(xlsx.pages, office.xlsx())

    assert outline(first) == [
        ("heading", 1, "성적"),
        ("header", "이름 | 점수 | 날짜"),
        ("row", "김 하나 | 90 | 2026-03-02"),
        ("row", "이두리 | 85.5 | 2026-03-03T09:30:00"),
    ]
    assert outline(second) == [("heading", 1, "출결"), ("header", "학생 | 출석"), ("row", "박세나 | TRUE")]


def test_a_long_sheet_is_cut_between_rows_and_shows_its_header_again(read, outline) -> None:
    rows = [(f"학생 {number}", number, "비고 " * 10) for number in range(200)]
    pages = read(xlsx.pages, office.xlsx_of([("이름", "점수", "비고"), *rows], title="명단"))

    assert len(pages) > 2
    for page in pages:
        assert outline(page)[:2] == [("heading", 1, "명단"), ("header", "이름 | 점수 | 비고")]
        assert len(page.text) <= 3000
    names = [line.split(" | ")[0] for page in pages for line in page.text.splitlines() if line.startswith("학생")]
    assert names == [name for name, *_ in rows]


def test_formulas_give_what_was_last_worked_out(read) -> None:
    cells = '<row r="1"><c r="A1"><f>1+2</f><v>3</v></c><c r="B1"><f>9*9</f></c><c r="C1" t="e"><v>#N/A</v></c></row>'
    (page,) = read(xlsx.pages, with_cells(cells))

    assert page.text == "시트\n\n3 | #N/A"


def test_a_stray_cell_in_the_last_place_costs_little(read) -> None:
    cells = f'<row r="1">{text_cell("A1", "처음")}</row><row r="1048576">{text_cell("XFD1048576", "끝")}</row>'
    (page,) = read(xlsx.pages, with_cells(cells, before='<dimension ref="A1:XFD1048576"/>'))

    assert page.text == "시트\n\n처음\n| 끝"


@pytest.mark.parametrize(
    "cells",
    [
        f'<row r="999999999">{text_cell("A999999999", "끝")}</row>',
        "".join(f'<row r="{row}">{text_cell(f"XFD{row}", "끝")}</row>' for row in range(1, 20)),
    ],
    ids=["endless", "wide"],
)
def test_endless_and_wide_sheets_are_refused(read, cells) -> None:
    with pytest.raises(Refused, match=r"^table_too_large$"):
        read(xlsx.pages, with_cells(cells), max_places=200_000)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "TRUE"),
        (0.1 + 0.2, "0.3"),
        (1e20, "1e+20"),
        (1.0, "1"),
        (12_345_678, "12345678"),
        (datetime(2026, 3, 2), "2026-03-02"),  # noqa: DTZ001
        (datetime(2026, 3, 2, 9, 5), "2026-03-02T09:05:00"),  # noqa: DTZ001
        (date(2026, 3, 2), "2026-03-02"),
        (time(9, 5), "09:05:00"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
        (" 김 하나 ", "김 하나"),
    ],
)
def test_values_as_text(value, text: str) -> None:
    assert xlsx.as_text(value) == text


def test_an_empty_workbook_has_the_name_of_its_sheet_alone(read) -> None:
    (page,) = read(xlsx.pages, office.saved(Workbook()))

    assert page.text == "Sheet"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (office.docx(1), "file_not_what_it_says"),
        (office.xlsx()[:3000], "file_damaged"),
        (office.rezipped(office.xlsx(), {"xl/workbook.xml": b"<workbook"}), "file_damaged"),
        (office.rezipped(office.xlsx(), {SHEET: b"<worksheet><sheetData><row"}), "file_damaged"),
        (office.rezipped(office.xlsx(), {"xl/vbaProject.bin": b"x"}), "macros_refused"),
        (office.rezipped(office.xlsx(), {"xl/sharedStrings.xml": b"<!DOCTYPE a><a/>"}), "xml_unsafe"),
    ],
    ids=["word", "cut", "broken", "half a sheet", "macros", "entities"],
)
def test_what_is_refused(read, content, reason) -> None:
    with pytest.raises(Refused, match=f"^{reason}$"):
        read(xlsx.pages, content)

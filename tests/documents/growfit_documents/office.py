"""Word, PowerPoint and Excel files, with Korean text, tables, headings and what else such files hold."""

import io
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from docx import Document
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches

from growfit_documents.prose import korean_page

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SCORES = (("이름", "과목", "점수"), ("김하나", "국어", "90"), ("이두리", "수학", "85"))
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def docx(pages: int = 2, *, seed: int = 1) -> bytes:
    """Each page of prose: heading, paragraphs, a list, a table; a page break between two of them."""
    document: Any = Document()
    document.add_heading("운영 안내서", level=0)
    for number in range(1, pages + 1):
        page = korean_page(number, seed=seed)
        document.add_heading(page.heading, level=2)
        for text in page.paragraphs:
            document.add_paragraph(text)
        for item in ("첫째 항목", "둘째 항목"):
            document.add_paragraph(item, style="List Bullet")
        add_table(document, SCORES)
        if number < pages:
            document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    return saved(document)


def docx_of(*elements: str) -> bytes:
    """A document whose body is this WordprocessingML; the prefix `w` is bound."""
    document: Any = Document()
    for element in elements:
        document.element.body.insert(
            len(document.element.body) - 1, parse_xml(element.replace(">", f' xmlns:w="{W}">', 1))
        )
    return saved(document)


def docx_with_footnote(text: str, note: str) -> bytes:
    """python-docx writes no footnotes: the part is put in by hand."""
    reference = (
        f'<w:p xmlns:w="{W}"><w:r><w:t>{text}</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r>'
        "<w:r><w:t> 그다음.</w:t></w:r></w:p>"
    )
    content = docx_of("<w:p>" + reference.partition(">")[2])
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    footnotes = (
        f'<?xml version="1.0" encoding="UTF-8"?><w:footnotes xmlns:w="{W}"><w:footnote w:id="2"><w:p><w:r>'
        f"<w:t>{note}</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    return rezipped(
        content,
        {
            "word/footnotes.xml": footnotes.encode(),
            "word/_rels/document.xml.rels": (
                b"</Relationships>",
                f'<Relationship Id="rId99" Type="{relation}" Target="footnotes.xml"/></Relationships>'.encode(),
            ),
            "[Content_Types].xml": (
                b"</Types>",
                f'<Override PartName="/word/footnotes.xml" ContentType="{kind}"/></Types>'.encode(),
            ),
        },
    )


def add_table(document: Any, rows: tuple[tuple[str, ...], ...]) -> Any:
    table = document.add_table(rows=0, cols=len(rows[0]))
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    return table


def pptx(slides: int = 2, *, seed: int = 1) -> bytes:
    """Each slide: a title, points, a text box beside a table, speaker's notes."""
    presentation: Any = Presentation()
    for number in range(1, slides + 1):
        page = korean_page(number, seed=seed)
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        # Written from the bottom up: the order of reading is not the order of making.
        add_box(slide, "아래쪽 글상자", top=6.5, left=1)
        add_slide_table(slide, SCORES, top=4.5)
        slide.shapes.title.text = page.heading
        slide.placeholders[1].text = f"첫 줄\n{page.fact.sentence}"
        slide.notes_slide.notes_text_frame.text = f"발표자 노트 {number}"
    return saved(presentation)


def add_box(slide: Any, text: str, *, top: float, left: float) -> None:
    slide.shapes.add_textbox(Inches(left), Inches(top), Inches(3), Inches(0.5)).text_frame.text = text


def add_slide_table(slide: Any, rows: tuple[tuple[str, ...], ...], *, top: float) -> Any:
    table = slide.shapes.add_table(len(rows), len(rows[0]), Inches(1), Inches(top), Inches(6), Inches(1)).table
    for at, row in enumerate(rows):
        for column, text in enumerate(row):
            table.cell(at, column).text = text
    return table


def xlsx() -> bytes:
    """Two sheets and a hidden one; dates, numbers, empty rows and columns, and a stray cell far below."""
    workbook = Workbook()
    sheet: Any = workbook.active
    sheet.title = "성적"
    for row in (
        (None, "이름", None, "점수", "날짜"),
        (None, None, None, None, None),
        (None, "김 하나", None, 90, date(2026, 3, 2)),
        (None, "이두리", None, 85.5, datetime(2026, 3, 3, 9, 30)),  # noqa: DTZ001  a spreadsheet knows no time zones
    ):
        sheet.append(row)
    second: Any = workbook.create_sheet("출결")
    second.append(("학생", "출석"))
    second.append(("박세나", True))
    hidden: Any = workbook.create_sheet("감춘 시트")
    hidden.append(("보이지 않는 값",))
    hidden.sheet_state = "hidden"
    return saved(workbook)


def xlsx_of(rows: list[tuple[Any, ...]], *, title: str = "시트") -> bytes:
    workbook = Workbook(write_only=True)
    sheet: Any = workbook.create_sheet(title)
    for row in rows:
        sheet.append(row)
    return saved(workbook)


def saved(document: Any) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def zip_of(parts: Mapping[str, bytes | str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, body)
    return target.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rezipped(content: bytes, changes: Mapping[str, bytes | tuple[bytes, bytes] | None]) -> bytes:
    """The archive with parts added or replaced (bytes), changed (what for what) or taken out (None)."""
    parts = unzipped(content)
    for name, change in changes.items():
        if change is None:
            del parts[name]
        elif isinstance(change, tuple):
            changed = parts[name].replace(*change)
            if changed == parts[name]:
                raise ValueError(name)
            parts[name] = changed
        else:
            parts[name] = change
    return zip_of(parts)

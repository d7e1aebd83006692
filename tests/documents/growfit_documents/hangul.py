"""Documents of Hangul (한글): HWPX as a ZIP of XML, and HWP 5 as an OLE file of records, small and valid ones."""

import struct
import zlib
from dataclasses import dataclass, field
from html import escape

from growfit_documents.office import SCORES, zip_of
from growfit_documents.ole import ole_file

HP = "http://www.hancom.co.kr/hwpml/2011/paragraph"
HS = "http://www.hancom.co.kr/hwpml/2011/section"
HH = "http://www.hancom.co.kr/hwpml/2011/head"
# The place of each style in both kinds of files.
BODY, OUTLINE_1, OUTLINE_2, LIST = range(4)
STYLES = ("바탕글", "개요 1", "개요 2", "목록")
# Numbering of each style's paragraphs, as HWPX names it; HWP has its place in this list.
NUMBERINGS = ("NONE", "OUTLINE", "NUMBER", "BULLET")
SHAPES = (("NONE", 0), ("OUTLINE", 0), ("OUTLINE", 1), ("BULLET", 0))


@dataclass(frozen=True)
class HangulTable:
    """`spans`: (row, column) → rows and columns that the cell there covers; the covered cells' texts are left out."""

    rows: tuple[tuple[str, ...], ...] = SCORES
    spans: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def cells(self, row: int) -> list[tuple[int, str, int, int]]:
        """Column, text, rows and columns of each cell that begins in the row."""
        covered = {
            (top + down, left + right)
            for (top, left), (rows, columns) in self.spans.items()
            for down in range(rows)
            for right in range(columns)
            if down or right
        }
        return [
            (column, text, *self.spans.get((row, column), (1, 1)))
            for column, text in enumerate(self.rows[row])
            if (row, column) not in covered
        ]


@dataclass(frozen=True)
class HangulParagraph:
    text: str = ""
    style: int = BODY
    begins_page: bool = False
    table: HangulTable | None = None
    footnote: str = ""
    text_box: str = ""


def korean_hangul() -> list[HangulParagraph]:
    """What both kinds of files are made of in most tests."""
    return [
        HangulParagraph("제1장 총칙", OUTLINE_1),
        HangulParagraph("이 규정은 학사 운영에 필요한 사항을 정한다.", footnote="2026년 3월에 고쳤다."),
        HangulParagraph("첫째 항목", LIST),
        HangulParagraph("둘째 항목", LIST),
        HangulParagraph(table=HangulTable()),
        HangulParagraph("적용 범위", OUTLINE_2, begins_page=True),
        HangulParagraph("모든 학생에게\t적용한다.", text_box="글상자의 글"),
    ]


def hwpx(paragraphs: list[HangulParagraph] | None = None, *, more: dict[str, bytes | str] | None = None) -> bytes:
    body = "".join(map(_hwpx_paragraph, korean_hangul() if paragraphs is None else paragraphs))
    styles = "".join(
        f'<hh:style id="{at}" type="PARA" name="{name}" paraPrIDRef="{at}"/>' for at, name in enumerate(STYLES)
    )
    shapes = "".join(
        f'<hh:paraPr id="{at}"><hh:heading type="{kind}" idRef="0" level="{level}"/></hh:paraPr>'
        for at, (kind, level) in enumerate(SHAPES)
    )
    return zip_of(
        {
            "mimetype": "application/hwp+zip",
            "version.xml": '<?xml version="1.0" encoding="UTF-8"?><version/>',
            "META-INF/manifest.xml": '<?xml version="1.0" encoding="UTF-8"?><manifest/>',
            "Contents/content.hpf": '<?xml version="1.0" encoding="UTF-8"?><package/>',
            "Contents/header.xml": f'<hh:head xmlns:hh="{HH}"><hh:refList>{shapes}{styles}</hh:refList></hh:head>',
            "Contents/section0.xml": f'<hs:sec xmlns:hs="{HS}" xmlns:hp="{HP}">{body}</hs:sec>',
            **(more or {}),
        }
    )


def _hwpx_paragraph(paragraph: HangulParagraph) -> str:
    text = escape(paragraph.text).replace("\t", "<hp:tab/>").replace("\n", "<hp:lineBreak/>")
    beside = ""
    if paragraph.table:
        beside += _hwpx_table(paragraph.table)
    if paragraph.footnote:
        beside += f"<hp:ctrl><hp:footNote>{_hwpx_list(paragraph.footnote)}</hp:footNote></hp:ctrl>"
    if paragraph.text_box:
        beside += f"<hp:rect><hp:drawText>{_hwpx_list(paragraph.text_box)}</hp:drawText></hp:rect>"
    style = paragraph.style
    attributes = f'paraPrIDRef="{style}" styleIDRef="{style}" pageBreak="{int(paragraph.begins_page)}"'
    return f"<hp:p {attributes}><hp:run><hp:t>{text}</hp:t>{beside}</hp:run></hp:p>"


def _hwpx_list(text: str) -> str:
    return f"<hp:subList>{_hwpx_paragraph(HangulParagraph(text))}</hp:subList>"


def _hwpx_table(table: HangulTable) -> str:
    rows = ""
    for row in range(len(table.rows)):
        cells = "".join(
            f'<hp:tc>{_hwpx_list(text)}<hp:cellAddr colAddr="{column}" rowAddr="{row}"/>'
            f'<hp:cellSpan colSpan="{columns}" rowSpan="{down}"/></hp:tc>'
            for column, text, down, columns in table.cells(row)
        )
        rows += f"<hp:tr>{cells}</hp:tr>"
    return f'<hp:tbl repeatHeader="1">{rows}</hp:tbl>'


def hwp(paragraphs: list[HangulParagraph] | None = None, *, flags: int = 1, body: bytes | None = None) -> bytes:
    """HWP 5.0.3. `flags`: bit 0 compressed, 1 password, 2 for distribution, 4 DRM. `body`: the section as stored."""
    section = b"".join(
        _hwp_paragraph(each, level=0) for each in (korean_hangul() if paragraphs is None else paragraphs)
    )
    information = b"".join(_hwp_shape(*shape) for shape in SHAPES) + b"".join(map(_hwp_style, STYLES))
    header = b"HWP Document File".ljust(32, b"\x00") + struct.pack("<II", 0x05000300, flags)
    return ole_file(
        {
            "FileHeader": header.ljust(256, b"\x00"),
            "DocInfo": _deflated(information) if flags & 1 else information,
            "BodyText/Section0": body if body is not None else _deflated(section) if flags & 1 else section,
        }
    )


def _deflated(content: bytes) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(content) + deflate.flush()


def hwp_record(tag: int, level: int, payload: bytes) -> bytes:
    """The head has 10 bits of tag, 10 of level and 12 of size; a longer payload says its size behind it."""
    if len(payload) < 0xFFF:
        return struct.pack("<I", tag | level << 10 | len(payload) << 20) + payload
    return struct.pack("<II", tag | level << 10 | 0xFFF << 20, len(payload)) + payload


def _hwp_shape(kind: str, level: int) -> bytes:
    return hwp_record(25, 1, struct.pack("<I", NUMBERINGS.index(kind) << 23 | level << 25).ljust(54, b"\x00"))


def _hwp_style(name: str) -> bytes:
    return hwp_record(26, 1, struct.pack("<H", len(name)) + name.encode("utf-16-le") + bytes(2 + 10))


def _hwp_paragraph(paragraph: HangulParagraph, *, level: int) -> bytes:
    beside = b""
    names = []
    if paragraph.table:
        names.append((11, b"tbl "))
        beside += _hwp_table(paragraph.table, level=level + 1)
    if paragraph.footnote:
        names.append((17, b"fn  "))
        beside += hwp_record(71, level + 1, b"fn  "[::-1] + bytes(8)) + _hwp_list(paragraph.footnote, level=level + 2)
    if paragraph.text_box:
        names.append((11, b"gso "))
        beside += hwp_record(71, level + 1, b"gso "[::-1] + bytes(42)) + hwp_record(76, level + 2, bytes(200))
        beside += _hwp_list(paragraph.text_box, level=level + 3)
    text = b"".join(_control(number, name) for number, name in names)
    text += paragraph.text.encode("utf-16-le").replace("\t".encode("utf-16-le"), _control(9, bytes(4))) + b"\r\x00"
    breaks = 4 if paragraph.begins_page else 0
    head = struct.pack("<IIHBB", len(text) // 2, 0, paragraph.style, paragraph.style, breaks).ljust(24, b"\x00")
    return hwp_record(66, level, head) + hwp_record(67, level + 1, text) + beside


def _control(number: int, name: bytes) -> bytes:
    """Eight places of two bytes: the number, the control's name, and the number again."""
    place = struct.pack("<H", number)
    return place + name[::-1] + bytes(8) + place


def _hwp_list(text: str, *, level: int, place: bytes = b"") -> bytes:
    return hwp_record(72, level, struct.pack("<HHI", 1, 0, 0) + place) + _hwp_paragraph(
        HangulParagraph(text), level=level
    )


def _hwp_table(table: HangulTable, *, level: int) -> bytes:
    counts = [len(table.cells(row)) for row in range(len(table.rows))]
    head = struct.pack("<IHHH8x", 0x4, len(table.rows), len(table.rows[0]), 0)
    content = hwp_record(71, level, b"tbl "[::-1] + bytes(42))
    content += hwp_record(77, level + 1, head + struct.pack(f"<{len(counts)}HHH", *counts, 1, 0))
    for row in range(len(table.rows)):
        for column, text, rows, columns in table.cells(row):
            place = struct.pack("<4H", column, row, columns, rows) + struct.pack("<IIHHHHH", 8000, 1000, 0, 0, 0, 0, 1)
            content += _hwp_list(text, level=level + 1, place=place)
    return content

"""HWP 5, the binary format of Hangul (한글): paragraphs, tables, notes and text boxes of each section in order."""

import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingest.adapters.parsers.damage import damage_is_refused
from ingest.adapters.parsers.flow import Flow
from ingest.adapters.parsers.grid import Cell, Grid
from ingest.adapters.parsers.hangul import BULLET, NUMBER, OUTLINE, kind_of
from ingest.adapters.parsers.hwp_records import LIMITS, HwpFile, Limits, Record
from ingest.adapters.parsers.page import Page

_PARA_SHAPE, _STYLE = 25, 26
_PARA_HEADER, _PARA_TEXT, _CTRL_HEADER, _LIST_HEADER, _TABLE = 66, 67, 71, 72, 77
# Controls that stand for text beside the paragraph: table, drawing, footnote, endnote.
_TABLE_ID, _ASIDE_IDS = b"tbl ", frozenset((b"tbl ", b"gso ", b"fn  ", b"en  "))
_NUMBERINGS = ("", OUTLINE, NUMBER, BULLET)
_NEW_SECTION, _NEW_PAGE = 0x1, 0x4
_REPEATS_HEADER = 0x4
# A control in the text takes eight places: its number, twelve bytes of its own, and its number again.
_CONTROL = re.compile("([\x01-\x09\x0b\x0c\x0e-\x17]).{7}", re.DOTALL)
_SIGNS = {10: "\n", 13: None, 24: "-", 30: " ", 31: " ", 0: None, **dict.fromkeys(range(25, 30))}


def pages(path: Path, *, limits: Limits = LIMITS) -> Iterator[Page]:
    flow = Flow()
    with damage_is_refused():
        file = HwpFile(path, limits=limits)
        try:
            walk = _Walk(flow, _Styles(file.document_info()))
            for section in file.sections():
                flow.break_page()
                walk.blocks(section)
        finally:
            file.close()
    yield from flow.pages()


class _Styles:
    """Shapes and styles are named by their place among their kind."""

    def __init__(self, document_info: Iterable[Record]) -> None:
        records = [each for top in document_info for each in (top, *top.children)]
        self._shapes = [_numbering(record.payload) for record in records if record.tag == _PARA_SHAPE]
        self._names = [_style_name(record.payload) for record in records if record.tag == _STYLE]

    def of(self, shape: int, style: int) -> tuple[str, int]:
        """Kind of block and level of heading."""
        numbering, level = self._shapes[shape] if shape < len(self._shapes) else ("", 0)
        return kind_of(self._names[style] if style < len(self._names) else "", numbering, level)


def _numbering(payload: bytes) -> tuple[str, int]:
    (properties,) = struct.unpack_from("<I", payload)
    return _NUMBERINGS[properties >> 23 & 0x3], properties >> 25 & 0x7


def _style_name(payload: bytes) -> str:
    (length,) = struct.unpack_from("<H", payload)
    return payload[2 : 2 + 2 * length].decode("utf-16-le", "replace")


class _Walk:
    def __init__(self, flow: Flow, styles: _Styles) -> None:
        self._flow = flow
        self._styles = styles

    def blocks(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.tag == _PARA_HEADER:
                self._paragraph(record)

    def _paragraph(self, record: Record) -> None:
        shape, style, breaks = struct.unpack_from("<HBB", record.payload, 8)
        if breaks & (_NEW_SECTION | _NEW_PAGE):
            self._flow.break_page()
        kind, level = self._styles.of(shape, style)
        self._flow.add(_text(record), kind, level=level)
        for control in record.children:
            if control.tag == _CTRL_HEADER and (name := control.payload[3::-1]) in _ASIDE_IDS:
                self._table(control) if name == _TABLE_ID else self._lists(control)

    def _lists(self, record: Record) -> None:
        """Paragraphs of a note, or of all text boxes in a drawing, however it is grouped."""
        self.blocks(record.children)
        for child in record.children:
            if child.tag != _PARA_HEADER:
                self._lists(child)

    def _table(self, control: Record) -> None:
        captions, cells = _lists_of(control)
        for caption in captions:
            self.blocks(caption)
        if len(cells) == 1:
            # A box around text, not a table.
            self.blocks(cells[0][1])
            return
        self._flow.begin_table()
        grid = Grid()
        rows: dict[int, list[Cell]] = {}
        for number, cell in (_cell(head, paragraphs) for head, paragraphs in cells):
            rows.setdefault(number, []).append(cell)
        repeats = any(each.tag == _TABLE and each.payload[0] & _REPEATS_HEADER for each in control.children)
        for number in sorted(rows):
            own = sorted(rows[number], key=lambda cell: cell.column or 0)
            self._flow.add_row(grid.row(own), is_header=repeats and number == 0 and len(rows) > 1)


def _lists_of(control: Record) -> tuple[list[list[Record]], list[tuple[bytes, list[Record]]]]:
    """Paragraphs of the captions, and head and paragraphs of the cells: a list's paragraphs follow it on its own level.

    What stands before the record of the table is its caption.
    """
    captions: list[list[Record]] = []
    cells: list[tuple[bytes, list[Record]]] = []
    is_inside = False
    for record in control.children:
        is_inside = is_inside or record.tag == _TABLE
        if record.tag == _LIST_HEADER:
            paragraphs: list[Record] = []
            if is_inside:
                cells.append((record.payload, paragraphs))
            else:
                captions.append(paragraphs)
        elif record.tag == _PARA_HEADER and (captions or cells):
            paragraphs.append(record)
    return captions, cells


def _cell(head: bytes, paragraphs: list[Record]) -> tuple[int, Cell]:
    """The number of its row, and the cell."""
    column, row, columns, rows = struct.unpack_from("<4H", head, 8)
    texts = (_text(each) for top in paragraphs for each in _paragraphs_below(top))
    return row, Cell(" ".join(" ".join(texts).split()), rows, columns, column)


def _paragraphs_below(record: Record) -> Iterator[Record]:
    if record.tag == _PARA_HEADER:
        yield record
    for child in record.children:
        yield from _paragraphs_below(child)


def _text(paragraph: Record) -> str:
    """Its characters; what is anchored in it is not among them."""
    raw = b"".join(child.payload for child in paragraph.children if child.tag == _PARA_TEXT)
    places = "".join(map(chr, struct.unpack(f"<{len(raw) // 2}H", raw[: len(raw) // 2 * 2])))
    text = _CONTROL.sub(lambda match: "\t" if match[1] == "\t" else "", places).translate(_SIGNS)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

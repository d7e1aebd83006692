"""DOCX: the body in document order. python-docx opens the package; the walk is over the elements themselves, because
content controls, tracked insertions, text boxes, footnotes and page breaks are not in its objects.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ingest.adapters.parsers.archive import LIMITS, Limits, check
from ingest.adapters.parsers.damage import damage_is_refused
from ingest.adapters.parsers.docx_styles import Styles, boolean, named
from ingest.adapters.parsers.flow import LONGEST_ROW, PAGE_CHARACTERS, Flow
from ingest.adapters.parsers.grid import Cell, Grid
from ingest.adapters.parsers.markup import parse
from ingest.adapters.parsers.media import DOCX
from ingest.adapters.parsers.page import Page

_PAGE_BREAK = "\f"
# Deleted, moved away, instructions of fields, readings over ideographs, and the older twin of a drawing.
_LEFT_OUT = frozenset(
    [
        "del",
        "moveFrom",
        "instrText",
        "delText",
        "delInstrText",
        "rt",
        "pPr",
        "rPr",
        "tblPr",
        "trPr",
        "tcPr",
        "sdtPr",
        "Fallback",
    ]
)
_SIGNS = {"tab": "\t", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_CONTAINERS = frozenset(("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag"))
_FOOTNOTES = ("/footnotes", "/endnotes")


def pages(path: Path, *, limits: Limits = LIMITS) -> Iterator[Page]:
    with damage_is_refused():
        check(path, DOCX, limits=limits)
        with path.open("rb") as file:
            flow = _read(file)
    yield from flow.pages()


def _read(file: BinaryIO) -> Flow:
    from docx import Document  # noqa: PLC0415  other formats do not need it

    document: Any = Document(file)
    body = document.element.body
    # Where Word has written down its own pages, they are the pages.
    is_rendered = next(body.iter(named("lastRenderedPageBreak")), None) is not None
    flow = Flow(page_characters=LONGEST_ROW if is_rendered else PAGE_CHARACTERS)
    _Walk(flow, Styles(document.styles.element), _notes(document.part)).blocks(body)
    return flow


def _notes(part: Any) -> dict[tuple[str, str], Any]:
    """(kind, id) → the element of a footnote or an endnote."""
    found = {}
    for relation in part.rels.values():
        if not relation.is_external and relation.reltype.endswith(_FOOTNOTES):
            for note in parse(relation.target_part.blob):
                found[_local(note), note.get(named("id"), "")] = note
    return found


class _Walk:
    def __init__(self, flow: Flow, styles: Styles, notes: dict[tuple[str, str], Any]) -> None:
        self._flow = flow
        self._styles = styles
        self._notes = notes

    def blocks(self, container: Any) -> None:
        for element in container:
            name = _local(element)
            if name == "p":
                self._paragraph(element)
            elif name == "tbl":
                self._table(element)
            elif name in _CONTAINERS:
                self.blocks(element)

    def _paragraph(self, paragraph: Any) -> None:
        style = self._styles.of(paragraph)
        if style.begins_page:
            self._flow.break_page()
        aside: list[Any] = []
        for number, text in enumerate("".join(self._texts(paragraph, aside)).split(_PAGE_BREAK)):
            if number:
                self._flow.break_page()
            self._flow.add(text, style.kind, level=style.level)
        for element in aside:
            self.blocks(element)
        if style.ends_page:
            self._flow.break_page()

    def _texts(self, element: Any, aside: list[Any]) -> Iterator[str]:
        """Text in order. Text boxes and notes are put `aside`: they follow the paragraph that they hang on."""
        for child in element:
            name = _local(child)
            if name == "t":
                yield child.text or ""
            elif name in _SIGNS:
                yield _SIGNS[name]
            elif name == "br":
                yield _PAGE_BREAK if child.get(named("type")) == "page" else "\n"
            elif name == "lastRenderedPageBreak":
                yield _PAGE_BREAK
            elif name == "txbxContent":
                aside.append(child)
            elif name in ("footnoteReference", "endnoteReference"):
                note = self._notes.get((name.removesuffix("Reference"), child.get(named("id"), "")))
                aside.extend([] if note is None else [note])
            elif name not in _LEFT_OUT and not _is_hidden(child):
                yield from self._texts(child, aside)

    def _table(self, table: Any) -> None:
        rows = list(_children(table, "tr"))
        if len(rows) == 1 and len(list(_children(rows[0], "tc"))) == 1:
            # A box around text, not a table.
            self.blocks(next(_children(rows[0], "tc")))
            return
        self._flow.begin_table()
        grid, above = Grid(), dict[int, str]()
        is_first_header = len(rows) > 1 and self._styles.has_header_row(table)
        for number, row in enumerate(rows):
            if next(row.iter(named("lastRenderedPageBreak")), None) is not None:
                self._flow.break_page()
            is_header = (number == 0 and is_first_header) or boolean(row, "trPr", "tblHeader")
            self._flow.add_row(grid.row(self._cells(row, above)), is_header=is_header)

    def _cells(self, row: Any, above: dict[int, str]) -> Iterator[Cell]:
        """`above`: column → text of the cell that is merged downwards there; kept up to date."""
        column = _number(row.find(f"{named('trPr')}/{named('gridBefore')}"), 0)
        for cell in _children(row, "tc"):
            width = _number(cell.find(f"{named('tcPr')}/{named('gridSpan')}"), 1)
            merge = cell.find(f"{named('tcPr')}/{named('vMerge')}")
            goes_on = merge is not None and merge.get(named("val")) != "restart"
            text = above.get(column, "") if goes_on else self._cell_text(cell)
            if merge is not None:
                above[column] = text
            yield Cell(text, columns=width, column=column)
            column += width

    def _cell_text(self, cell: Any) -> str:
        """All paragraphs in it, those of tables and text boxes too, as one line."""
        aside: list[Any] = []
        parts = ["".join(self._texts(each, aside)) for each in cell.iter(named("p")) if not _is_in_box(each, cell)]
        parts.extend(self._cell_text(element) for element in aside)
        return " ".join(" ".join(parts).split())


def _children(element: Any, name: str) -> Iterator[Any]:
    """Rows or cells, those in content controls and in tracked insertions as well."""
    for child in element:
        local = _local(child)
        if local == name:
            yield child
        elif local in _CONTAINERS:
            yield from _children(child, name)


def _is_in_box(paragraph: Any, cell: Any) -> bool:
    for ancestor in paragraph.iterancestors():
        if ancestor is cell:
            return False
        if _local(ancestor) in ("txbxContent", "Fallback", "del"):
            return True
    return False


def _is_hidden(run: Any) -> bool:
    return _local(run) == "r" and boolean(run, "rPr", "vanish")


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _number(element: Any, otherwise: int) -> int:
    """The value of a count, from 0 to 1,000."""
    return otherwise if element is None else min(max(int(element.get(named("val"), otherwise)), 0), 1000)

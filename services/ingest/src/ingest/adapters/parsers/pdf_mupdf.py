"""MuPDF: finds tables, and reads where PDFium finds no text. Its word spaces are not used: it loses Korean ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pymupdf

from ingest.adapters.parsers.lines import Glyph, Line, column_gap, respaced
from ingest.adapters.parsers.page import Refused
from ingest.adapters.parsers.pdf_page import Outline, Picture

_BOLD = 1 << 4
type Rectangle = tuple[float, float, float, float]


class MupdfDocument:
    """Raises Refused, here and where a page is loaded."""

    def __init__(self, path: Path) -> None:
        pymupdf.no_recommend_layout()
        pymupdf.TOOLS.mupdf_display_errors(False)
        pymupdf.TOOLS.mupdf_display_warnings(False)
        try:
            self._document: Any = pymupdf.open(path, filetype="pdf")
        except RuntimeError as error:
            raise Refused("pdf_damaged") from error
        if self._document.needs_pass:
            raise Refused("pdf_encrypted")
        self.total: int = self._document.page_count

    def outline(self) -> Outline:
        titles: Outline = {}
        for level, title, number in self._document.get_toc(simple=True):
            titles.setdefault(number - 1, []).append((title, level))
        return titles

    @contextmanager
    def page(self, index: int) -> Iterator["MupdfPage"]:
        try:
            page = self._document[index]
        except (RuntimeError, ValueError) as error:
            raise Refused("pdf_damaged") from error
        yield MupdfPage(page)


class MupdfPage:
    def __init__(self, page: Any) -> None:
        self._page = page

    @property
    def width(self) -> float:
        return float(self._page.rect.width)

    def lines(self) -> list[Line]:
        read = self._page.get_text("rawdict", flags=pymupdf.TEXTFLAGS_RAWDICT & ~pymupdf.TEXT_PRESERVE_IMAGES)
        found: list[Line] = []
        for line in _rows([line for block in read["blocks"] for line in block.get("lines", ())]):
            characters = [(each, span) for span in line for each in span["chars"] if not each["c"].isspace()]
            found += [_line(run) for run in _runs(characters)]
        return found

    def picture(self, *, dpi: int, most_pixels: int) -> Picture:
        width, height = self._page.rect.width, self._page.rect.height
        scale = min(dpi / 72, (most_pixels / max(width * height, 1)) ** 0.5)
        made = self._page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY, alpha=False)
        return Picture(made.samples, made.width, made.height, made.stride, dpi=scale * 72)

    def tables(self) -> list[tuple[Rectangle, list[list[Rectangle | None]]]]:
        """Each table's place and the places of its cells, row by row. Costs 60 to 300 times what the text does."""
        found = self._page.find_tables(strategy="lines_strict")
        return [(tuple(table.bbox), [list(row.cells) for row in table.rows]) for table in found.tables]


def _rows(lines: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The spans of each row: MuPDF begins a line anew after a wide gap."""
    held: list[dict[str, Any]] = []
    last: tuple[float, float] | None = None
    for line in lines:
        baseline, right = line["bbox"][3], line["bbox"][0]
        if last is not None and (abs(baseline - last[0]) > 1 or right < last[1]):
            yield held
            held = []
        held = held + line["spans"]
        last = (baseline, line["bbox"][2] - 1)
    if held:
        yield held


def _runs(characters: list[tuple[Any, Any]]) -> Iterator[list[tuple[Any, Any]]]:
    gaps = [after["bbox"][0] - before["bbox"][2] for (before, _), (after, _) in pairwise(characters)]
    run: list[tuple[Any, Any]] = []
    for each, gap in zip(characters, [0.0, *gaps], strict=False):
        if run and gap > column_gap(each[1]["size"], gaps):
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _line(run: list[tuple[Any, Any]]) -> Line:
    glyphs = [Glyph(each["c"], each["bbox"][0], each["bbox"][2]) for each, _ in run]
    boxes = [each["bbox"] for each, _ in run]
    top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
    is_bold = bool(run[0][1]["flags"] & _BOLD)
    left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
    return Line(respaced(glyphs), left, top, right, bottom, boxes[0][3] - boxes[0][1], is_bold)

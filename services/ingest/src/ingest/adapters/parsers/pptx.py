"""PPTX: a page a slide, with its title first, then what stands on it from top to bottom, then the speaker's notes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ingest.adapters.parsers.archive import LIMITS, Limits, check
from ingest.adapters.parsers.damage import damage_is_refused
from ingest.adapters.parsers.grid import Cell, Grid
from ingest.adapters.parsers.media import PPTX
from ingest.adapters.parsers.page import Page, PageBuilder

# Shapes whose tops are as near as this stand beside each other, and are read from the left: a quarter of an inch.
_LINE = 228_600
# `PP_PLACEHOLDER`: what is the same on every slide, and what holds the points of a slide.
_REPEATED = frozenset((13, 15, 16))  # slide number, footer, date
_POINTS = frozenset((2, 7))  # body, object


def pages(path: Path, *, limits: Limits = LIMITS) -> Iterator[Page]:
    with damage_is_refused():
        check(path, PPTX, limits=limits)
        with path.open("rb") as file:
            found = list(_read(file))
    for number, page in enumerate(found, start=1):
        yield Page(number, len(found), page.text, tuple(page.blocks))


def _read(file: BinaryIO) -> Iterator[PageBuilder]:
    from pptx import Presentation  # noqa: PLC0415  other formats do not need it

    presentation: Any = Presentation(file)
    for slide in presentation.slides:
        page = PageBuilder()
        title = slide.shapes.title
        if title is not None:
            page.add(_words(title.text_frame.text), "heading", level=1)
        for shape in _in_reading_order(
            each for each in slide.shapes if title is None or each.shape_id != title.shape_id
        ):
            _add(shape, page)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            page.add(_lines(slide.notes_slide.notes_text_frame.text))
        yield page


def _in_reading_order(shapes: Iterable[Any]) -> list[Any]:
    return sorted(shapes, key=lambda shape: ((shape.top or 0) // _LINE, shape.left or 0))


def _add(shape: Any, page: PageBuilder) -> None:
    if hasattr(shape, "shapes"):
        for inner in _in_reading_order(shape.shapes):
            _add(inner, page)
    elif getattr(shape, "has_table", False) and shape.has_table:
        _add_table(shape.table, page)
    elif shape.has_text_frame:
        kind = _placeholder(shape)
        if kind in _REPEATED:
            return
        for paragraph in shape.text_frame.paragraphs:
            page.add(_lines(paragraph.text), "item" if kind in _POINTS else "paragraph")


def _placeholder(shape: Any) -> int | None:
    return int(shape.placeholder_format.type) if shape.is_placeholder else None


def _add_table(table: Any, page: PageBuilder) -> None:
    grid = Grid()
    for number, row in enumerate(table.rows):
        cells = (
            Cell(
                _words(cell.text),
                cell.span_height if cell.is_merge_origin else 1,
                cell.span_width if cell.is_merge_origin else 1,
                column,
            )
            for column, cell in enumerate(row.cells)
            if not cell.is_spanned
        )
        page.add_row(grid.row(cells), is_header=number == 0 and bool(table.first_row))


def _lines(text: str) -> str:
    """python-pptx gives a line break inside of a paragraph as a vertical tab."""
    return text.replace("\v", "\n")


def _words(text: str) -> str:
    return " ".join(text.split())

"""HWPX (KS X 6101), the ZIP of XML that Hangul (한글) writes since 2022: its sections in order."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from ingest.adapters.parsers.archive import LIMITS, Limits, opened
from ingest.adapters.parsers.damage import damage_is_refused
from ingest.adapters.parsers.flow import Flow
from ingest.adapters.parsers.grid import Cell, Grid
from ingest.adapters.parsers.hangul import kind_of
from ingest.adapters.parsers.markup import parse
from ingest.adapters.parsers.media import HWPX
from ingest.adapters.parsers.page import Page, Refused

_SECTION = re.compile(r"Contents/section(\d+)\.xml")
_HEADER, _MANIFEST = "Contents/header.xml", "META-INF/manifest.xml"
_SIGNS = {"tab": "\t", "lineBreak": "\n", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"}
# Page set-up, what is repeated on every page, what is never shown, and formulas in a language of their own.
_LEFT_OUT = frozenset(["secPr", "header", "footer", "hiddenComment", "equation", "fieldBegin", "fieldEnd"])


def pages(path: Path, *, limits: Limits = LIMITS) -> Iterator[Page]:
    flow = Flow()
    with damage_is_refused(), opened(path, HWPX, limits=limits) as archive:
        _read(archive, flow)
    yield from flow.pages()


def _read(archive: ZipFile, flow: Flow) -> None:
    names = archive.namelist()
    if _MANIFEST in names and _first(parse(archive.read(_MANIFEST)), "encryption-data") is not None:
        raise Refused("file_encrypted")
    sections = sorted((int(match[1]), name) for name in names if (match := _SECTION.fullmatch(name)))
    if not sections:
        raise Refused("file_damaged")
    walk = _Walk(flow, _Styles(parse(archive.read(_HEADER)) if _HEADER in names else None))
    for _, name in sections:
        flow.break_page()
        walk.blocks(parse(archive.read(name)))


class _Styles:
    def __init__(self, header: Any) -> None:
        elements = [] if header is None else [each for each in header.iter() if isinstance(each.tag, str)]
        self._names = {each.get("id"): each.get("name", "") for each in elements if _local(each) == "style"}
        self._shapes = {each.get("id"): _first(each, "heading") for each in elements if _local(each) == "paraPr"}

    def of(self, paragraph: Any) -> tuple[str, int]:
        """Kind of block and level of heading."""
        shape = self._shapes.get(paragraph.get("paraPrIDRef"))
        numbering, level = ("", 0) if shape is None else (shape.get("type", ""), int(shape.get("level", "0")))
        return kind_of(self._names.get(paragraph.get("styleIDRef"), ""), numbering, level)


class _Walk:
    def __init__(self, flow: Flow, styles: _Styles) -> None:
        self._flow = flow
        self._styles = styles

    def blocks(self, container: Any) -> None:
        for paragraph in _children(container, "p"):
            if paragraph.get("pageBreak") == "1":
                self._flow.break_page()
            kind, level = self._styles.of(paragraph)
            self._flow.add(_text(paragraph), kind, level=level)
            for element in _asides(paragraph):
                if _local(element) == "tbl":
                    self._table(element)
                else:
                    self.blocks(element)

    def _table(self, table: Any) -> None:
        for caption in _children(table, "caption"):
            self._flow.add(_all_text(caption))
        rows = [list(_children(row, "tc")) for row in _children(table, "tr")]
        if len(rows) == 1 and len(rows[0]) == 1:
            # A box around text, not a table.
            for inner in _children(rows[0][0], "subList"):
                self.blocks(inner)
            return
        self._flow.begin_table()
        grid = Grid()
        repeats = table.get("repeatHeader") == "1"
        for number, cells in enumerate(rows):
            is_header = bool(cells) and all(cell.get("header") == "1" for cell in cells)
            self._flow.add_row(
                grid.row(map(_cell, cells)), is_header=is_header or (repeats and number == 0 and len(rows) > 1)
            )


def _cell(cell: Any) -> Cell:
    place, span = _first(cell, "cellAddr"), _first(cell, "cellSpan")
    rows, columns = (1, 1) if span is None else (_number(span, "rowSpan", 1), _number(span, "colSpan", 1))
    column = None if place is None else _number(place, "colAddr", 0)
    return Cell(_all_text(cell), rows, columns, column)


def _number(element: Any, name: str, otherwise: int) -> int:
    return min(max(int(element.get(name, otherwise)), 0), 10_000)


def _text(paragraph: Any) -> str:
    """The paragraph's own characters, without what is anchored in it."""
    return "".join(
        part for run in _children(paragraph, "run") for text in _children(run, "t") for part in _characters(text)
    )


def _characters(text: Any) -> Iterator[str]:
    yield text.text or ""
    for mark in text:
        yield _SIGNS.get(_local(mark), "")
        yield mark.tail or ""


def _asides(element: Any) -> Iterator[Any]:
    """Tables, and the lists of paragraphs in notes, text boxes and captions."""
    for child in element:
        name = _local(child)
        if name in ("tbl", "subList"):
            yield child
        elif name not in _LEFT_OUT:
            yield from _asides(child)


def _all_text(element: Any) -> str:
    """Every paragraph below the element, in one line."""
    parts = [_text(each) for each in element.iter() if _local(each) == "p"]
    return " ".join(" ".join(parts).split())


def _children(element: Any, name: str) -> Iterator[Any]:
    return (child for child in element if _local(child) == name)


def _first(element: Any, name: str) -> Any:
    return next((each for each in element.iter() if _local(each) == name), None)


def _local(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""

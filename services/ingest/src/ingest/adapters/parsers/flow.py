"""Blocks of a format that has no pages of its own, cut into pages of about 3,000 characters between two blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.adapters.parsers.page import Block, Page, PageBuilder, Refused

PAGE_CHARACTERS = 3000
# A row stays whole, whatever a page holds; this one is no row any more.
LONGEST_ROW = 30_000
# The same as what the child process writes at most: whoever collects more than that collects it in vain.
MAX_CHARACTERS = 5_000_000
# What stands above its page's end waits for what follows, as long as it is short.
_HELD_CHARACTERS = 600
_LONGEST_HEADING = 200


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: str
    text: str
    level: int = 0
    cells: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return len(self.text) + sum(map(len, self.cells)) + 3 * len(self.cells)


class Flow:
    """Takes blocks in reading order and gives pages. Headings and the header of a table stay with what follows them;
    a table that is cut shows its header again.

    Raises Refused("text_too_long") as soon as more is added than a document may have.
    """

    def __init__(self, *, page_characters: int = PAGE_CHARACTERS) -> None:
        self._limit = page_characters
        self._done: list[PageBuilder] = []
        self._page = PageBuilder()
        self._held: list[_Piece] = []
        self._header: list[_Piece] = []
        self._characters = 0

    def add(self, text: str, kind: str = "paragraph", *, level: int = 0) -> None:
        """A paragraph that is longer than a page goes on on the next one, cut between lines or words."""
        if kind == "heading" and len(text) > _LONGEST_HEADING:
            kind, level = "paragraph", 0
        for start, end in spans(text, self._limit):
            self._put(_Piece(kind, text[start:end], level))

    def begin_table(self, *, title: str = "") -> None:
        """Rows that follow belong to a new table. `title`: a heading that is shown again with the table's header."""
        self._header = []
        if title.strip():
            self._header.append(_Piece("heading", title, 1))
            self._put(self._header[0])

    def add_row(self, cells: list[str], *, is_header: bool = False) -> None:
        if not any(map(str.strip, cells)):
            return
        row = _Piece("header" if is_header else "row", "", cells=tuple(cells))
        if row.size > LONGEST_ROW:
            self.add(" | ".join(cells), "row")
            return
        if is_header and sum(piece.size for piece in self._header) + row.size < _HELD_CHARACTERS:
            self._header.append(row)
        self._put(row)

    def break_page(self) -> None:
        """What follows stands on a new page. On an empty page this does nothing."""
        self._write_held()
        if self._page.text:
            self._done.append(self._page)
            self._page = PageBuilder()

    def pages(self) -> Iterator[Page]:
        self.break_page()
        for number, page in enumerate(self._done, start=1):
            yield Page(number, len(self._done), page.text, tuple(page.blocks))

    def _put(self, piece: _Piece) -> None:
        self._characters += piece.size
        if self._characters > MAX_CHARACTERS:
            raise Refused("text_too_long")
        held = sum(each.size for each in self._held)
        if piece.kind in ("heading", "header") and held + piece.size < _HELD_CHARACTERS:
            self._held.append(piece)
            return
        if self._page.text and len(self._page.text) + held + piece.size > self._limit:
            self._turn_page()
        if piece.kind == "row" and not self._page.text and not self._held:
            self._held = list(self._header)
            self._characters += sum(each.size for each in self._held)
        self._write_held()
        self._write(piece)

    def _turn_page(self) -> None:
        self._done.append(self._page)
        self._page = PageBuilder()

    def _write_held(self) -> None:
        for piece in self._held:
            self._write(piece)
        self._held = []

    def _write(self, piece: _Piece) -> None:
        if piece.cells:
            self._page.add_row(list(piece.cells), is_header=piece.kind == "header")
        else:
            self._page.add(piece.text, piece.kind, level=piece.level)


def spans(text: str, size: int) -> Iterator[tuple[int, int]]:
    """Places of pieces of at most `size` characters that give the text back whole: cut at an empty line, a line or a
    space in a piece's second half, where there is one.
    """
    start = 0
    while start < len(text):
        end = _end(text, start, size)
        yield start, end
        start = end


def _end(text: str, start: int, size: int) -> int:
    end = start + size
    if end >= len(text):
        return len(text)
    half = start + size // 2
    return next((at for mark in ("\n\n", "\n", " ") if (at := text.rfind(mark, half, end)) > half), end)


def paragraphs(text: str) -> Iterator[Block]:
    """Places of what stands between empty lines."""
    start, end, at = -1, -1, 0
    for line in text.split("\n"):
        if line.strip():
            start = at + len(line) - len(line.lstrip()) if start < 0 else start
            end = at + len(line.rstrip())
        elif start >= 0:
            yield Block("paragraph", start, end)
            start = -1
        at += len(line) + 1
    if start >= 0:
        yield Block("paragraph", start, end)

"""What every parser makes of a file: pages of clean text, and where in it the headings, rows and items are."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_LEVEL = 6
# Of a document: some 2,500 full pages. The worker holds its chunks, vectors and terms at once, about 35 bytes a
# character; and whoever collects more than that collects it in vain.
MAX_CHARACTERS = 5_000_000


class Refused(Exception):
    """Its text is the code of a reason in `ingest.errors.REASONS`."""


@dataclass(frozen=True, slots=True)
class Block:
    """Characters start..end of a page's text.

    `kind`: "heading" (`level` 1..6), "paragraph", "item" (of a list), "header" and "row" (of a table), "code".
    Blocks come in order and do not overlap; what lies between them is white space.
    """

    kind: str
    start: int
    end: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """`number` counts from 1. `total` is known from the first page on."""

    number: int
    total: int
    text: str
    blocks: tuple[Block, ...] = ()


# A parser reads one file and gives its pages in order. Raises Refused.
type PageReader = Callable[[Path], Iterator[Page]]


@dataclass
class PageBuilder:
    """One page as it is put together, block by block. Text is cleaned before its place is counted."""

    text: str = ""
    blocks: list[Block] = field(default_factory=list)

    def add(self, text: str, kind: str = "paragraph", *, level: int = 0) -> None:
        """Empty text adds nothing. Rows and items of one run stand on lines of their own, all else in paragraphs."""
        text = clean(text).strip()
        if not text:
            return
        if self.text:
            self.text += "\n" if self._goes_on(kind) else "\n\n"
        start = len(self.text)
        self.text += text
        self.blocks.append(Block(kind, start, len(self.text), min(level, MAX_LEVEL)))

    def _goes_on(self, kind: str) -> bool:
        last = self.blocks[-1].kind
        return (kind == "item" and last == "item") or (kind == "row" and last in ("row", "header"))

    def add_row(self, cells: list[str], *, is_header: bool = False) -> None:
        """A table's row, one line: `cell | cell | cell`. A row of empty cells adds nothing."""
        texts = [" ".join(clean(cell).split()) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if any(texts):
            self.add(" | ".join(texts), "header" if is_header else "row")


def clean(text: str) -> str:
    """One form for every source: NFC, line feeds, no control or non-characters. Offsets count in this text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00ad", "").replace("\ufffe", "")
    return unicodedata.normalize("NFC", text.translate(_KEPT))


class _Kept(dict[int, int | None]):
    """For `str.translate`: every character is looked up once, however long the text is."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        is_kept = character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cs", "Cn"}
        self[code] = code if is_kept else None
        return self[code]


_KEPT = _Kept()

"""PDF: PDFium reads the text, MuPDF finds ruled tables, Tesseract reads pages that are pictures."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.adapters.parsers import ocr
from ingest.adapters.parsers.lines import Line, in_reading_order
from ingest.adapters.parsers.page import Page, Refused
from ingest.adapters.parsers.pdf_layout import OF_INK, Composer, Style, Table, squashed
from ingest.adapters.parsers.pdf_page import Outline

if TYPE_CHECKING:
    from ingest.adapters.parsers.pdf_mupdf import MupdfDocument
    from ingest.adapters.parsers.pdf_pdfium import PdfiumDocument, PdfiumPage

# PDFium recovers what it can from half a file; a file without its end mark is refused instead.
_END_MARK = b"%%EOF"
_TAIL_BYTES = 65_536
# So many pages are looked at, from all over the document, to know its usual size of type.
_SAMPLE_PAGES = 12
# A page number and a stamp are not a page's text.
_LITTLE_TEXT = 16
_DPI, _MOST_PIXELS = 300, 12_000_000


def pages(path: Path) -> Iterator[Page]:
    from ingest.adapters.parsers.pdf_pdfium import PdfiumDocument  # noqa: PLC0415  text files do not need it

    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        if _END_MARK not in file.read():
            raise Refused("pdf_damaged")
    document = PdfiumDocument(path)
    if document.total == 0:
        raise Refused("pdf_damaged")
    yield from _Reading(path, document).pages()


class _Reading:
    def __init__(self, path: Path, document: "PdfiumDocument") -> None:
        self._path = path
        self._document = document
        self._second: MupdfDocument | None = None
        self._style = Style()
        self._outline: Outline = {}
        self._needs_ocr = 0
        self._has_letters = False

    def pages(self) -> Iterator[Page]:
        total = self._document.total
        # The first page goes out before the rest is looked at: a document of too many pages ends there.
        for index in range(total):
            if index == 0:
                self._style = Style.of(self._sample([0]))
                with suppress(Exception):
                    self._outline = self._document.outline()
            elif index == 1:
                step = max(1, total // _SAMPLE_PAGES)
                self._style = Style.of(self._sample(list(range(0, total, step))[:_SAMPLE_PAGES]))
            yield self._page(index)
        if self._needs_ocr and not self._has_letters:
            raise Refused("ocr_unavailable")

    def _sample(self, indexes: list[int]) -> Iterator[Line]:
        for index in indexes:
            with suppress(Refused), self._document.page(index) as page:
                yield from page.lines()

    def _page(self, index: int) -> Page:
        titles = {squashed(title): level for title, level in self._outline.get(index, ())}
        with self._document.page(index) as page:
            lines, shapes = page.lines(), page.shapes()
            if shapes.has_picture and _letters(lines) < _LITTLE_TEXT:
                found = self._read_again(index, lines)
                if not found and (scanned := self._recognise(index, page)):
                    return self._made(index, Composer(Style.of(scanned, larger=OF_INK), titles), scanned, [])
                lines = found or lines
            tables = self._tables(index, page) if shapes.is_ruled and lines and page.turned == 0 else []
            lines = in_reading_order(lines, width=page.width)
        return self._made(index, Composer(self._style, titles), lines, tables)

    def _made(self, index: int, composer: Composer, lines: list[Line], tables: list[Table]) -> Page:
        self._has_letters = self._has_letters or _letters(lines) > 0
        made = composer.compose(lines, tables)
        return Page(index + 1, self._document.total, made.text, tuple(made.blocks))

    def _read_again(self, index: int, lines: list[Line]) -> list[Line]:
        """What the other engine reads, where it reads text and the first did not."""
        with suppress(Refused, RuntimeError), self._mupdf().page(index) as page:
            found = page.lines()
            if _letters(found) >= max(_LITTLE_TEXT, 2 * _letters(lines)):
                return found
        return []

    def _recognise(self, index: int, page: "PdfiumPage") -> list[Line]:
        if not ocr.is_available():
            self._needs_ocr += 1
            return []
        ocr.begin(index + 1)
        return ocr.recognise(page.picture(dpi=_DPI, most_pixels=_MOST_PIXELS))

    def _tables(self, index: int, page: "PdfiumPage") -> list[Table]:
        with suppress(Refused, RuntimeError, ValueError), self._mupdf().page(index) as ruled:
            return [
                table
                for place, rows in ruled.tables()
                if (table := Table(*place, [[page.text_within(*cell) if cell else "" for cell in row] for row in rows]))
                and _is_table(table)
            ]
        return []

    def _mupdf(self) -> "MupdfDocument":
        if self._second is None:
            from ingest.adapters.parsers.pdf_mupdf import MupdfDocument  # noqa: PLC0415  70 ms that most files save

            self._second = MupdfDocument(self._path)
        return self._second


def _letters(lines: list[Line]) -> int:
    return sum(character.isalnum() for line in lines for character in line.text)


def _is_table(table: Table) -> bool:
    """A frame around a paragraph is none: two columns at least, and not most of it empty."""
    cells = [cell.strip() for row in table.rows for cell in row]
    return len(table.rows) > 1 and max(map(len, table.rows)) > 1 and 2 * sum(map(bool, cells)) >= len(cells)

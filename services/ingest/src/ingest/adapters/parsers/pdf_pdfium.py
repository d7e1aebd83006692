"""PDFium: keeps the word spaces of Korean, renders, knows the outline. Not safe for threads: one document a process."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw

from ingest.adapters.parsers.lines import COLUMN_GAP, Glyph, Line, is_spread, may_lack_spaces, respaced
from ingest.adapters.parsers.page import Refused
from ingest.adapters.parsers.pdf_page import Outline, Picture, Shapes

# PDFium's own functions, which pypdfium2 makes when it is imported.
pdfium: Any = pypdfium2.raw
# FPDF_ERR_PASSWORD of fpdfview.h.
_PASSWORD_ERROR = 4
# Beyond so many shapes a page is a drawing, and to look at each costs more than its text.
_MAX_SHAPES = 3_000
_THIN, _LONG = 2.5, 12.0
_BOLD = 600
_SPACE, _ENDS, _BLANKS = 0x20, (0x0A, 0x0D), (0x09, 0x20, 0xA0, 0x3000)
_SURROGATES, _PAST_UNICODE = 0xD800, 0x110000
_OUTLINE_ENTRIES = 5_000


class PdfiumDocument:
    """Raises Refused, here and where a page is loaded."""

    def __init__(self, path: Path) -> None:
        try:
            self._document: Any = pypdfium2.PdfDocument(path)  # type: ignore[no-untyped-call]
        except pypdfium2.PdfiumError as error:
            code = getattr(error, "err_code", None)
            raise Refused("pdf_encrypted" if code == _PASSWORD_ERROR else "pdf_damaged") from error
        self.total = len(self._document)

    def outline(self) -> Outline:
        """Titles by page index, with levels from 1."""
        titles: Outline = {}
        for number, entry in enumerate(self._document.get_toc(max_depth=6)):
            if number >= _OUTLINE_ENTRIES:
                break
            target = entry.get_dest()
            index = target.get_index() if target else None
            if index is not None:
                titles.setdefault(index, []).append((entry.get_title(), entry.level + 1))
        return titles

    @contextmanager
    def page(self, index: int) -> Iterator["PdfiumPage"]:
        try:
            page = self._document[index]
        except pypdfium2.PdfiumError as error:
            raise Refused("pdf_damaged") from error
        try:
            yield PdfiumPage(page)
        finally:
            page.close()


class PdfiumPage:
    def __init__(self, page: Any) -> None:
        self._page = page
        try:
            self._text = page.get_textpage()
        except pypdfium2.PdfiumError as error:
            raise Refused("pdf_damaged") from error
        self._raw = self._text.raw
        self._lacks_spaces = False
        self._box: tuple[float, float, float, float] = page.get_cropbox()
        self.turned: int = page.get_rotation() // 90 % 4

    @property
    def width(self) -> float:
        left, bottom, right, top = self._box
        return top - bottom if self.turned % 2 else right - left

    def lines(self) -> list[Line]:
        found: list[Line] = []
        start = 0
        codes = self._codes()
        self._lacks_spaces = may_lack_spaces(decoded(codes))
        for at, code in enumerate([*codes, _ENDS[0]]):
            if code in _ENDS:
                found += self._segments(codes, start, at)
                start = at + 1
        return found

    def _codes(self) -> list[int]:
        """One number for each character that PDFium counts, so that places and characters agree."""
        count = max(pdfium.FPDFText_CountChars(self._raw), 0)
        units = (ctypes.c_ushort * (count + 1))()
        # In one call, where no character is left out of the text or takes two units of it.
        if pdfium.FPDFText_GetText(self._raw, 0, count, units) == count + 1:
            return list(units)[:count]
        return [pdfium.FPDFText_GetUnicode(self._raw, at) for at in range(count)]

    def _segments(self, codes: list[int], start: int, end: int) -> Iterator[Line]:
        """The line's parts between gaps as wide as a column's."""
        begun = start
        if is_spread(decoded(codes[start:end])):
            yield from self._line(codes, start, end)
            return
        for at in range(start + 1, end - 1):
            if codes[at] == _SPACE != codes[at - 1] and pdfium.FPDFText_IsGenerated(self._raw, at):
                before, after = self._place(at - 1), self._place(at + 1)
                if after[0] - before[2] > COLUMN_GAP * (before[3] - before[1]):
                    yield from self._line(codes, begun, at)
                    begun = at + 1
        yield from self._line(codes, begun, end)

    def _line(self, codes: list[int], start: int, end: int) -> Iterator[Line]:
        while start < end and codes[start] in _BLANKS:
            start += 1
        while start < end and codes[end - 1] in _BLANKS:
            end -= 1
        if start == end:
            return
        text = decoded(codes[start:end])
        if (spread := is_spread(text)) or self._lacks_spaces:
            text = respaced([self._glyph(codes, at) for at in range(start, end)], keep=not spread)
        first, last = self._place(start), self._place(end - 1)
        tallest = max((first, last, self._place((start + end) // 2)), key=lambda each: each[3] - each[1])
        left, right = min(first[0], last[0]), max(first[2], last[2])
        weight = pdfium.FPDFText_GetFontWeight(self._raw, start)
        yield Line(text, left, tallest[1], right, tallest[3], tallest[3] - tallest[1], weight >= _BOLD)

    def _glyph(self, codes: list[int], at: int) -> Glyph:
        left, _, right, _ = self._place(at)
        x, y = ctypes.c_double(), ctypes.c_double()
        if self.turned == 0 and pdfium.FPDFText_GetCharOrigin(self._raw, at, ctypes.byref(x), ctypes.byref(y)):
            # The box begins earlier where the ink does, as under a J.
            left = max(left, x.value - self._box[0])
        return Glyph(decoded(codes[at : at + 1]), left, right)

    def _place(self, at: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a character's advance box as the page is shown, from its top left."""
        box = pdfium.FS_RECTF()
        pdfium.FPDFText_GetLooseCharBox(self._raw, at, ctypes.byref(box))
        left, bottom, right, top = self._box
        match self.turned:
            case 1:
                return box.bottom - bottom, box.left - left, box.top - bottom, box.right - left
            case 2:
                return right - box.right, box.bottom - bottom, right - box.left, box.top - bottom
            case 3:
                return top - box.top, right - box.right, top - box.bottom, right - box.left
            case _:
                return box.left - left, top - box.top, box.right - left, top - box.bottom

    def text_within(self, left: float, top: float, right: float, bottom: float) -> str:
        """What stands in a rectangle of an upright page, word spaces and all."""
        x, y = self._box[0], self._box[3]
        text = self._text.get_text_bounded(left=left + x, bottom=y - bottom, right=right + x, top=y - top)
        return str(text)

    def shapes(self) -> Shapes:
        raw = self._page.raw
        count = pdfium.FPDFPage_CountObjects(raw)
        across = down = boxes = 0
        has_picture = False
        for at in range(min(count, _MAX_SHAPES)):
            shape = pdfium.FPDFPage_GetObject(raw, at)
            kind = pdfium.FPDFPageObj_GetType(shape)
            has_picture = has_picture or kind in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM)
            if kind == pdfium.FPDF_PAGEOBJ_PATH:
                width, height = _extent(shape)
                across += height < _THIN and width > _LONG
                down += width < _THIN and height > _LONG
                boxes += width > _LONG and height > _LONG
        is_drawing = count > _MAX_SHAPES
        is_ruled = not is_drawing and ((across > 1 and down > 1) or boxes > 3 or (across + down > 0 and boxes > 0))  # noqa: PLR2004
        return Shapes(is_ruled=is_ruled, has_picture=has_picture or is_drawing)

    def picture(self, *, dpi: int, most_pixels: int) -> Picture:
        width, height = self._page.get_size()
        scale = min(dpi / 72, (most_pixels / max(width * height, 1)) ** 0.5)
        bitmap = self._page.render(scale=scale, grayscale=True)
        return Picture(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, dpi=scale * 72)


def _extent(shape: Any) -> tuple[float, float]:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    references = [ctypes.byref(each) for each in (left, bottom, right, top)]
    if not pdfium.FPDFPageObj_GetBounds(shape, *references):
        return 0.0, 0.0
    return right.value - left.value, top.value - bottom.value


def decoded(codes: list[int]) -> str:
    """Characters of their numbers; halves of a surrogate pair become one, a half alone goes."""
    if max(codes, default=0) < _SURROGATES:
        return "".join(map(chr, codes))
    units = b"".join(chr(code).encode("utf-16-le", "surrogatepass") for code in codes if code < _PAST_UNICODE)
    return units.decode("utf-16-le", "ignore")

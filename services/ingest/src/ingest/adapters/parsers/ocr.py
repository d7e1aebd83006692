"""Text in pictures, in Korean and English, by Tesseract. Set-up installs its languages; nothing is downloaded."""

from functools import cache
from typing import Any

from ingest.adapters.parsers.job import current
from ingest.adapters.parsers.lines import COLUMN_GAP, Line
from ingest.adapters.parsers.page import Refused
from ingest.adapters.parsers.pdf_page import Picture

_LANGUAGES = "kor+eng"
# Words of less confidence are what Tesseract sees in photographs and in noise; so are lines of less on average.
_SURE_WORD, _SURE_LINE = 25.0, 45.0
# Of GetTSVText: level, page, block, paragraph, line, word, left, top, width, height, confidence, text.
_COLUMNS, _WORD_LEVEL = 12, "5"


def is_available() -> bool:
    return bool(current.job.tessdata)


def begin(number: int) -> None:
    """Page `number` is read from its picture: it has time of its own. Raises Refused."""
    counted = _count()
    if counted > current.job.max_ocr_pages:
        raise Refused("too_many_scans")
    current.is_slow = True
    current.before_ocr(number)


_begun = [0]


def _count() -> int:
    _begun[0] += 1
    return _begun[0]


def recognise(picture: Picture) -> list[Line]:
    """The picture's lines, in pixels. Raises Refused: the page takes longer than its time."""
    engine = _engine()
    engine.SetImageBytes(picture.pixels, picture.width, picture.height, 1, picture.stride)
    engine.SetSourceResolution(picture.dpi)
    if not engine.Recognize(current.job.ocr_seconds * 1000):
        raise Refused("parse_limit")
    return lines(engine.GetTSVText(0))


@cache
def _engine() -> Any:
    import tesserocr  # noqa: PLC0415  most documents have no picture

    # One column of text of all sizes: with its own search for columns, Tesseract takes the spaces between Korean
    # words for gutters. Columns are found afterwards, by `in_reading_order`.
    kind: Any = tesserocr.PSM.SINGLE_COLUMN
    return tesserocr.PyTessBaseAPI(path=current.job.tessdata, lang=_LANGUAGES, psm=kind)


def lines(table: str) -> list[Line]:
    """From Tesseract's table of words. A line is parted where a column's gap is."""
    found: list[Line] = []
    key: tuple[str, ...] = ()
    held: list[tuple[float, Line]] = []
    for row in table.splitlines():
        cells = row.split("\t")
        if len(cells) != _COLUMNS or cells[0] != _WORD_LEVEL or float(cells[10]) < _SURE_WORD:
            continue
        left, top, width, height = map(float, cells[6:10])
        word = Line(cells[11], left, top, left + width, top + height, height)
        is_apart = bool(held) and word.left - held[-1][1].right > COLUMN_GAP * word.size
        if held and (tuple(cells[1:5]) != key or is_apart):
            found += _joined(held)
            held = []
        key = tuple(cells[1:5])
        held.append((float(cells[10]), word))
    return found + _joined(held)


def _joined(words: list[tuple[float, Line]]) -> list[Line]:
    if not words or sum(sure for sure, _ in words) < _SURE_LINE * len(words):
        return []
    own = [word for _, word in words]
    text = " ".join(word.text for word in own)
    top, bottom = min(word.top for word in own), max(word.bottom for word in own)
    size = max(word.size for word in own)
    return [Line(text, own[0].left, top, own[-1].right, bottom, size)]

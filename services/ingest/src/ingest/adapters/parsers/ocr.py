"""Text in pictures, in Korean and English, by Tesseract. Set-up installs its languages; nothing is downloaded."""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from ingest.adapters.parsers.job import WALL_SECONDS, current
from ingest.adapters.parsers.lines import COLUMN_GAP, Line
from ingest.adapters.parsers.ocr_columns import zones
from ingest.adapters.parsers.page import Refused
from ingest.adapters.parsers.pdf_layout import squashed
from ingest.adapters.parsers.pdf_page import Picture

_LANGUAGES = "kor+eng"
_LEAST_DPI = 70
# Lines of less confidence are what Tesseract sees in photographs and in noise; so are words, a little further down.
_SURE_LINE, _SURE_WORD = 45.0, 25.0


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
    """The picture's lines in reading order, in points. Raises Refused: the page takes longer than its time."""
    engine = _engine()
    engine.SetImageBytes(picture.pixels, picture.width, picture.height, 1, picture.stride)
    engine.SetSourceResolution(max(_LEAST_DPI, round(picture.dpi)))
    until = time.monotonic() + WALL_SECONDS * current.job.ocr_seconds
    found: list[Line] = []
    for zone in zones(picture):
        engine.SetRectangle(*zone)
        left = until - time.monotonic()
        if left <= 0 or not engine.Recognize(max(1, int(left * 1000))):
            raise Refused("parse_limit")
        found += _lines(engine) if engine.AllWordConfidences() else []
    return [_in_points(line, 72 / picture.dpi) for line in found]


def _in_points(line: Line, scale: float) -> Line:
    left, top, right, bottom = (place * scale for place in (line.left, line.top, line.right, line.bottom))
    return Line(line.text, left, top, right, bottom, line.size * scale)


@cache
def _engine() -> Any:
    import tesserocr  # noqa: PLC0415  most documents have no picture

    # One column of text of all sizes: see `ocr_columns`.
    kind: Any = tesserocr.PSM.SINGLE_COLUMN
    return tesserocr.PyTessBaseAPI(path=current.job.tessdata, lang=_LANGUAGES, psm=kind)


def _lines(engine: Any) -> Iterator[Line]:
    # Its «words» of Korean are syllables. Which of them belong together, only the whole text says.
    spaced = iter([line for line in engine.GetUTF8Text().splitlines() if line.strip()])
    for words in _words(engine):
        text = next(spaced, "")
        if squashed(text) != squashed("".join(word.text for word in words)):
            text = " ".join(word.text for word in words)
        yield from parted(text, words)


def _words(engine: Any) -> Iterator[list[Line]]:
    """Line by line, words with their places; `size` is 0 where the word or its line is too doubtful to be kept."""
    import tesserocr  # noqa: PLC0415  most documents have no picture

    kinds: Any = tesserocr.RIL
    held: list[Line] = []
    for at in tesserocr.iterate_level(engine.GetIterator(), kinds.WORD):
        if at.Empty(kinds.WORD):
            continue
        if at.IsAtBeginningOf(kinds.TEXTLINE) and held:
            yield held
            held = []
        left, top, right, bottom = at.BoundingBox(kinds.WORD)
        sure = at.Confidence(kinds.TEXTLINE) >= _SURE_LINE and at.Confidence(kinds.WORD) >= _SURE_WORD
        held.append(Line(at.GetUTF8Text(kinds.WORD), left, top, right, bottom, bottom - top if sure else 0.0))
    if held:
        yield held


def parted(text: str, words: list[Line]) -> Iterator[Line]:
    """A line at the gaps between columns. `text` has the letters of `words`, and the spaces."""
    letters = [(at, character) for at, character in enumerate(text) if not character.isspace()]
    place, begun, held = 0, 0, list[Line]()
    for word in words:
        if held and word.left - held[-1].right > COLUMN_GAP * max(each.size for each in [word, *held]):
            yield from _joined(text[begun : letters[place][0] if place < len(letters) else len(text)], held)
            begun, held = letters[place][0] if place < len(letters) else len(text), []
        held.append(word)
        place += len("".join(word.text.split()))
    yield from _joined(text[begun:], held)


def _joined(text: str, words: list[Line]) -> Iterator[Line]:
    sure = [word for word in words if word.size]
    if 2 * len(sure) < len(words) or not text.strip():
        return
    top, bottom = min(word.top for word in sure), max(word.bottom for word in sure)
    size = max(word.size for word in sure)
    yield Line(" ".join(text.split()), words[0].left, top, words[-1].right, bottom, size)

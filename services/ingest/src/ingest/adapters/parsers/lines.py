"""Lines of text as they stand on a page, whatever read them: a PDF engine or Tesseract."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_HANGUL = re.compile(r"[\uac00-\ud7a3]")
# A Korean word with its particles is rarely longer; a longer run may have lost its spaces.
_LONG_RUN, _OF_WHICH_HANGUL = re.compile(r"[\w.,%]{12,}"), 8
# In em, beyond the line's own letter spacing. TeX-like tools set words 0.27 apart, tightly set ones 0.1.
_WORD_GAP = 0.08
# Between two such gaps lies another column, or another cell, and not a word.
COLUMN_GAP = 2.0


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character, its advance box in points, from the page's left."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Line:
    """One run of text. Points (or pixels) from the page's top left; `size`: the height of its letters."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    bold: bool = False


def may_lack_spaces(text: str) -> bool:
    """Whether an engine may have lost spaces of this line, and of others on its page."""
    return any(len(_HANGUL.findall(run)) >= _OF_WHICH_HANGUL for run in _LONG_RUN.findall(text))


def is_spread(text: str) -> bool:
    """Whether each letter seems to be a word, as in the titles on covers."""
    words = text.split()
    single = sum(len(word) == 1 and _HANGUL.match(word) is not None for word in words)
    return len(words) > 1 and single >= 0.8 * len(words)


def respaced(glyphs: Sequence[Glyph], *, keep: bool = False) -> str:
    """The words of a line by the gaps between its letters: a gap is a space when it is wider than the letters' own.

    `keep`: the spaces among the glyphs stay as well.
    """
    letters = [glyph for glyph in glyphs if not glyph.text.isspace()]
    if len(letters) < 2:  # noqa: PLR2004  a single letter has no gap
        return "".join(glyph.text for glyph in letters)
    em = _em(letters)
    gaps = [after.left - before.right for before, after in pairwise(letters)]
    # Words may be of one letter or two: then most gaps are those between words.
    usual = min(gaps) if min(gaps) > _WORD_GAP * em else median(gaps)
    kept = _kept_spaces(glyphs) if keep else set[int]()
    parts = [letters[0].text]
    for number, (gap, glyph) in enumerate(zip(gaps, letters[1:], strict=True), start=1):
        is_apart = number in kept or gap > usual + _WORD_GAP * em
        parts.append(" " + glyph.text if is_apart else glyph.text)
    return "".join(parts)


def _em(letters: Sequence[Glyph]) -> float:
    """A Hangul letter is one em wide, or a little less."""
    hangul = [glyph for glyph in letters if _HANGUL.match(glyph.text)]
    return max(median(glyph.right - glyph.left for glyph in hangul or letters), 0.01)


def _kept_spaces(glyphs: Sequence[Glyph]) -> set[int]:
    """The numbers of the letters that a space stands before."""
    kept, number = set[int](), 0
    for glyph in glyphs:
        if glyph.text.isspace():
            kept.add(number)
        else:
            number += 1
    return kept


def column_gap(size: float, gaps: Sequence[float]) -> float:
    """How wide a gap must be to lie between columns; letters that stand apart have wider spaces between words."""
    return max(COLUMN_GAP * size, 3.5 * median(gaps)) if gaps else COLUMN_GAP * size


def in_reading_order(lines: Sequence[Line], *, width: float) -> list[Line]:
    """Two columns of prose are read one after the other; what spans both stays between. Else the order is kept."""
    gutter = _gutter(lines, width=width)
    if gutter is None:
        return list(lines)
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in sorted(lines, key=lambda each: each.top):
        if line.left < gutter < line.right:
            ordered += [*left, *right, line]
            left, right = [], []
        else:
            (left if line.right <= gutter else right).append(line)
    return [*ordered, *left, *right]


def _gutter(lines: Sequence[Line], *, width: float) -> float | None:
    """Where two columns of at least five full lines each part, near the middle of the page."""
    middle = [width * share / 100 for share in range(35, 66)]
    best, fewest = None, max(2.0, len(lines) * 0.15)
    for at in middle:
        crossing = sum(line.left < at < line.right for line in lines)
        if crossing < fewest or (best is None and crossing <= fewest):
            best, fewest = at, crossing
    if best is None:
        return None
    # The middle of the gap: what is left of it ends before, what is right of it begins after.
    sides = [
        [line for line in lines if line.right <= best],
        [line for line in lines if line.left >= best],
    ]
    return best if all(_is_column(side, width=width) for side in sides) else None


def _is_column(lines: Sequence[Line], *, width: float) -> bool:
    """Prose fills its column; the cells of a table do not."""
    if len(lines) < 5:  # noqa: PLR2004  fewer lines are captions
        return False
    return median(line.right - line.left for line in lines) > width * 0.28

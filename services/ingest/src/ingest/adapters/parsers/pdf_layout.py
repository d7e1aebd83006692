"""From the lines of a page to its headings, paragraphs, items and tables."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ingest.adapters.parsers.lines import Line
from ingest.adapters.parsers.page import PageBuilder

_ITEM = re.compile(r"^(?:[-–•·▪◦●○■□∙*]\s|\(?\d{1,2}[.)]\s|[가-하][.)]\s)")
# A heading is larger than the text, and short. The height of ink, all that OCR knows, varies with the letters.
_LARGER, OF_INK, _HEADING_CHARACTERS = 1.15, 1.5, 120
# Lines of one paragraph follow each other at the page's usual pitch, or nearly.
_PITCH = 1.3
_INDENT = 0.7
_SAME_SIZE = 0.08


@dataclass(frozen=True)
class Table:
    """`rows`: the text of each cell. The place is that of a `Line`."""

    left: float
    top: float
    right: float
    bottom: float
    rows: list[list[str]]

    def holds(self, line: Line) -> bool:
        across, down = (line.left + line.right) / 2, (line.top + line.bottom) / 2
        return self.left <= across <= self.right and self.top <= down <= self.bottom


@dataclass(frozen=True)
class Style:
    """What sizes mean in this document. Those above `least` are of headings: `larger`, in half points, falling."""

    least: float = 0.0
    larger: tuple[float, ...] = ()

    @classmethod
    def of(cls, lines: Iterable[Line], *, larger: float = _LARGER) -> "Style":
        """From a sample of the document's lines; the body's size is that of most characters."""
        weights: Counter[float] = Counter()
        for line in lines:
            weights[_rounded(line.size)] += len(line.text)
        if not weights:
            return cls()
        least = weights.most_common(1)[0][0] * larger
        return cls(least, tuple(sorted((size for size in weights if size > least), reverse=True)))

    def level(self, line: Line) -> int:
        """1 for the largest heading, 0 for what is none."""
        is_short = len(line.text) <= _HEADING_CHARACTERS and any(map(str.isalnum, line.text))
        if not self.least or not is_short or line.size <= self.least:
            return 0
        return 1 + sum(size > _rounded(line.size) for size in self.larger)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


@dataclass
class Composer:
    """Puts one page together. `titles`: of the outline, as `squashed` gives them, with their levels."""

    style: Style
    titles: dict[str, int] = field(default_factory=dict)
    builder: PageBuilder = field(default_factory=PageBuilder)

    def compose(self, lines: Sequence[Line], tables: Sequence[Table] = ()) -> PageBuilder:
        pitch = _pitch(lines)
        waiting = sorted(tables, key=lambda each: each.top)
        held: list[Line] = []
        for line in lines:
            table = next((each for each in tables if each.holds(line)), None)
            if table is not None:
                self._flush(held)
                held = []
                if table in waiting:
                    waiting.remove(table)
                    self._write(table)
            elif held and self._goes_on(held, line, pitch=pitch):
                held.append(line)
            else:
                self._flush(held)
                held = [line]
        self._flush(held)
        for table in waiting:
            self._write(table)
        return self.builder

    def _goes_on(self, held: list[Line], line: Line, *, pitch: float) -> bool:
        last = held[-1]
        level, last_level = self._level(line), self._level(last)
        if level or last_level:
            # A title that runs over two lines is one heading.
            return level == last_level and _same_size(last, line) and 0 < line.top - last.top < 2 * line.size
        step = line.top - last.top
        if _ITEM.match(line.text) or not _same_size(last, line) or not -line.size * 0.5 < step < pitch * _PITCH:
            return False
        if _ITEM.match(held[0].text):
            # What stands further left than an item's mark is text again.
            return line.left >= held[0].left - _INDENT * line.size / 2
        return line.left - last.left < _INDENT * line.size or _on_one_row(last, line)

    def _level(self, line: Line) -> int:
        return self.titles.get(squashed(line.text)) or self.style.level(line)

    def _flush(self, held: list[Line]) -> None:
        if not held:
            return
        level = self._level(held[0])
        kind = "heading" if level else "item" if _ITEM.match(held[0].text) else "paragraph"
        parts = [held[0].text]
        for before, line in pairwise(held):
            parts += [" " if level or _on_one_row(before, line) else "\n", line.text]
        self.builder.add("".join(parts), kind, level=level)

    def _write(self, table: Table) -> None:
        for number, cells in enumerate(table.rows):
            self.builder.add_row(cells, is_header=number == 0)


def squashed(text: str) -> str:
    return "".join(text.split()).lower()


def _same_size(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) <= _SAME_SIZE * max(one.size, other.size)


def _on_one_row(one: Line, other: Line) -> bool:
    return abs(one.top - other.top) < 0.5 * max(one.size, other.size)


def _pitch(lines: Sequence[Line]) -> float:
    steps = [
        after.top - before.top
        for before, after in pairwise(lines)
        if _same_size(before, after) and 0.5 * before.size < after.top - before.top < 3 * before.size
    ]
    return median(steps) if steps else 0.0

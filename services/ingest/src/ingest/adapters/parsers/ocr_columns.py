"""Two columns of a scan, found by the white between them before anything is recognised.

Tesseract's own search for columns takes the spaces between Korean words for gutters: a page of prose comes back in
pieces. Told that there is one column, it reads across two.
"""

from typing import Any

from ingest.adapters.parsers.pdf_page import Picture

# The picture is looked at this coarsely: a line of text is some four cells high, a gutter some five wide.
_ACROSS, _DOWN = 150, 200
_WHITE = 245
_GUTTER = 3
# A gutter is this long, and what stands beside it fills its column as prose does.
_LONG, _FILLED, _INKED = 0.35, 0.6, 0.3

# Left, top, width and height in pixels.
type Zone = tuple[int, int, int, int]


def zones(picture: Picture) -> list[Zone]:
    """Where to read, in order: what spans the page above, left column, right column, what spans it below."""
    ink = _ink(picture)
    found = _gutter(ink)
    if found is None:
        return [(0, 0, picture.width, picture.height)]
    across, first, last = found
    middle = picture.width * across // _ACROSS
    top, bottom = picture.height * first // _DOWN, picture.height * last // _DOWN
    parts = [
        (0, 0, picture.width, top),
        (0, top, middle, bottom - top),
        (middle, top, picture.width - middle, bottom - top),
        (0, bottom, picture.width, picture.height - bottom),
    ]
    return [part for part in parts if part[3] > picture.height // _DOWN]


def _ink(picture: Picture) -> list[list[bool]]:
    """Rows of cells, True where something is printed."""
    from PIL import Image  # noqa: PLC0415  most documents have no picture

    size = (picture.width, picture.height)
    whole: Any = Image.frombuffer("L", size, picture.pixels, "raw", "L", picture.stride, 1)
    cells = whole.resize((_ACROSS, _DOWN), Image.Resampling.BOX).tobytes()
    return [[value < _WHITE for value in cells[at : at + _ACROSS]] for at in range(0, len(cells), _ACROSS)]


def _gutter(ink: list[list[bool]]) -> tuple[int, int, int] | None:
    """Column of cells, first and last row of the longest white strip near the middle that parts two columns."""
    best: tuple[int, int, int] | None = None
    for across in range(_ACROSS * 35 // 100, _ACROSS * 65 // 100):
        for first, last in _runs([not any(row[across - 1 : across - 1 + _GUTTER]) for row in ink]):
            longer = best is None or last - first > best[2] - best[1]
            if longer and last - first >= _LONG * _DOWN and _parts(ink[first:last], across):
                best = across, first, last
    return best


def _runs(flags: list[bool]) -> list[tuple[int, int]]:
    """Beginning and end of each stretch of True."""
    edges = [at for at in range(len(flags) + 1) if (at < len(flags) and flags[at]) != (at > 0 and flags[at - 1])]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _parts(rows: list[list[bool]], across: int) -> bool:
    return _is_prose([row[:across] for row in rows]) and _is_prose([row[across:] for row in rows])


def _is_prose(rows: list[list[bool]]) -> bool:
    inked = [row for row in rows if any(row)]
    if len(inked) < _INKED * len(rows):
        return False
    begins = min(row.index(True) for row in inked)
    ends = max(len(row) - row[::-1].index(True) for row in inked)
    full = sum(any(row[begins + (ends - begins) * 2 // 3 : ends]) for row in inked)
    # Both columns are of a page: neither is a narrow margin.
    return full >= _FILLED * len(inked) and ends - begins > _ACROSS // 5

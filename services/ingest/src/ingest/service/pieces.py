"""The smallest parts that chunks are made of: headings, table rows, sentences, lines of code, each with its tokens.

All of a document's pieces are counted in one call, which is what makes it fast. What the model's window cannot hold
is cut once more and counted again: a row between its cells, anything else between words, and a word only when it
alone is too much.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ingest.ports import Block

CountTokens = Callable[[list[str]], Awaitable[list[int]]]

# A sentence ends at its mark and a space, a paragraph at an empty line; a list item is a sentence of its own, and
# its number's full stop ends nothing.
_BREAK = re.compile(
    r"(?<=[.!?。…])(?<!^\d\.)(?<!^\d\d\.)(?P<closers>[\"'”’)\]]*)\s+"
    r"|\n\s*\n|\n(?=\s*(?:[-*•·▪◦]|\d+[.)]|#{1,6}\s|제\s?\d+\s?[장조절]))",
    re.MULTILINE,
)
_SPACE = re.compile(r"\s")
_LINE = re.compile(r"\n")
_CELL = re.compile(r" \| ")
_CHARACTERS_PER_CUT = 200
# No word of any language is so long; text that is has no word borders.
MAX_WORD = 2 * _CHARACTERS_PER_CUT
# No token of any model is longer, white space apart: what is longer than its window times this is cut uncounted.
_CHARACTERS_PER_TOKEN = 32


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters start..end of a page's text, without the white space around them. `block`: its number on the page;
    `kind` and `level` are the block's. `tokens` are those of the text alone.
    """

    start: int
    end: int
    block: int
    kind: str
    level: int = 0
    tokens: int = 0


def pieces_of(text: str, blocks: Sequence[Block]) -> list[Piece]:
    """In order. Text outside of all blocks counts as paragraphs, so nothing is lost, and a page that knows no
    structure is one.
    """
    return [
        Piece(start, end, number, block.kind, block.level)
        for number, block in enumerate(_whole(text, blocks))
        for start, end in _spans(text, block)
    ]


def _whole(text: str, blocks: Sequence[Block]) -> Iterator[Block]:
    at = 0
    for block in blocks:
        yield from _between(text, at, block.start)
        # What a parser says is bounded by what there is, so that no text is lost or doubled.
        start, end = max(block.start, at), min(block.end, len(text))
        if start < end:
            yield replace(block, start=start, end=end)
        at = max(at, end)
    yield from _between(text, at, len(text))


def _between(text: str, start: int, end: int) -> Iterator[Block]:
    if text[start:end].strip():
        yield Block("paragraph", start, end)


def _spans(text: str, block: Block) -> Iterator[tuple[int, int]]:
    if block.kind in ("paragraph", "item"):
        yield from split(text, block.start, block.end)
    elif block.kind == "code":
        yield from _cut_at(_LINE, text, block.start, block.end)
    else:
        yield from _trimmed(text, block.start, block.end)


def split(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Sentences, trimmed; a stretch without any mark is cut at spaces."""
    at, stop = start, len(text) if end is None else end
    for mark in [*_BREAK.finditer(text, start, stop), None]:
        # Closing quotes and brackets belong to the sentence that they close.
        upto = max(mark.start(), mark.end("closers")) if mark else stop
        yield from _bounded(text, at, upto)
        at = mark.end() if mark else upto


def _cut_at(mark: re.Pattern[str], text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for found in [*mark.finditer(text, start, end), None]:
        yield from _bounded(text, start, found.start() if found else end)
        start = found.end() if found else end


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        yield start, end


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Of at most MAX_WORD characters each, cut at spaces."""
    for first, last in _trimmed(text, start, end):
        at = first
        while last - at > MAX_WORD:
            cut = _space_near(text, at)
            yield from _trimmed(text, at, cut)
            at = cut
            while text[at].isspace():
                at += 1
        yield at, last


def _space_near(text: str, start: int) -> int:
    """The first space after a usual cut, else the last before it."""
    middle = start + _CHARACTERS_PER_CUT
    if after := _SPACE.search(text, middle, start + MAX_WORD + 1):
        return after.start()
    return next((at for at in range(middle - 1, start, -1) if text[at].isspace()), start + MAX_WORD)


async def counted(
    pages: Sequence[tuple[str, list[Piece]]], *, limit: int, special: int, count_tokens: CountTokens
) -> list[list[Piece]]:
    """The pieces of each page with their tokens, none of more than `limit`. `special`: tokens that the model puts
    around every text it counts.
    """
    done: list[list[Piece]] = [[] for _ in pages]
    waiting = [(page, piece) for page, (_, pieces) in enumerate(pages) for piece in pieces]
    while waiting:
        short = [each for each in waiting if _length(each[1]) <= limit * _CHARACTERS_PER_TOKEN]
        cut = [each for each in waiting if _length(each[1]) > limit * _CHARACTERS_PER_TOKEN]
        counts = await count_tokens([pages[page][0][piece.start : piece.end] for page, piece in short])
        for (page, piece), count in zip(short, counts, strict=True):
            tokens = max(count - special, 0)
            if tokens <= limit or _length(piece) == 1:
                done[page].append(replace(piece, tokens=tokens))
            else:
                cut.append((page, piece))
        waiting = [(page, half) for page, piece in cut for half in _halves(pages[page][0], piece)]
    return [sorted(pieces, key=lambda piece: piece.start) for pieces in done]


def _length(piece: Piece) -> int:
    return piece.end - piece.start


def _halves(text: str, piece: Piece) -> Iterator[Piece]:
    """Cut near the middle: between cells, else between words, else anywhere."""
    middle = (piece.start + piece.end) // 2
    marks = (_CELL, _SPACE) if piece.kind in ("row", "header") else (_SPACE,)
    for mark in marks:
        if found := [each.start() for each in mark.finditer(text, piece.start, piece.end)]:
            middle = min(found, key=lambda at: abs(at - middle))
            break
    for start, end in ((piece.start, middle), (middle, piece.end)):
        for first, last in _trimmed(text, start, end):
            yield replace(piece, start=first, end=last)

"""Cutting pages into chunks: whole sentences, up to a size in the embedding model's own tokens, within a page.

A chunk never crosses a page, so that a citation names one page. Its last sentence opens the next chunk as well:
a question whose answer lies on the seam finds both halves.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from ingest.ports import PageText

CountTokens = Callable[[list[str]], Awaitable[list[int]]]

# A sentence ends at its mark and a space, a paragraph at an empty line; a list item is a sentence of its own, and
# its number's full stop ends nothing.
_BREAK = re.compile(
    r"(?<=[.!?。…])(?<!^\d\.)(?<!^\d\d\.)(?P<closers>[\"'”’)\]]*)\s+"
    r"|\n\s*\n|\n(?=\s*(?:[-*•·▪◦]|\d+[.)]|#{1,6}\s|제\s?\d+\s?[장조절]))",
    re.MULTILINE,
)
_SPACE = re.compile(r"\s+")
_MAX_OVERLAP_SHARE = 0.25
_CHARACTERS_PER_CUT = 200


@dataclass(frozen=True)
class Span:
    """A stretch of one page: characters start..end of its text."""

    start: int
    end: int
    tokens: int = 0


@dataclass(frozen=True)
class ChunkText:
    ordinal: int
    page: int
    char_start: int
    char_end: int
    text: str


async def chunk(pages: Sequence[PageText], *, size: int, count_tokens: CountTokens) -> list[ChunkText]:
    """Chunks of at most about `size` tokens. All sentences are counted in one call, which is what makes it fast."""
    spans = [list(split(page.text)) for page in pages]
    texts = [page.text[span.start : span.end] for page, own in zip(pages, spans, strict=True) for span in own]
    counts = iter(await count_tokens(texts))
    chunks: list[ChunkText] = []
    for page, own in zip(pages, spans, strict=True):
        counted = [Span(span.start, span.end, next(counts)) for span in own]
        for start, end in _pack(counted, size=size):
            chunks.append(ChunkText(len(chunks), page.number, start, end, page.text[start:end]))
    return chunks


def split(text: str) -> Iterator[Span]:
    """Sentences, trimmed; a stretch without any mark is cut at spaces."""
    at = 0
    for mark in [*_BREAK.finditer(text), None]:
        # Closing quotes and brackets belong to the sentence that they close.
        end = max(mark.start(), mark.end("closers")) if mark else len(text)
        yield from _bounded(text, at, end)
        at = mark.end() if mark else end


def _bounded(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > _CHARACTERS_PER_CUT * 2:
        spaces = [
            m.start() for m in _SPACE.finditer(text, start + _CHARACTERS_PER_CUT, start + 2 * _CHARACTERS_PER_CUT)
        ]
        cut = spaces[0] if spaces else start + _CHARACTERS_PER_CUT
        yield Span(start, start + len(text[start:cut].rstrip()))
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if end > start:
        yield Span(start, end)


def _pack(sentences: Sequence[Span], *, size: int) -> Iterator[tuple[int, int]]:
    held: list[Span] = []
    used = 0
    for sentence in sentences:
        if held and used + sentence.tokens > size:
            yield held[0].start, held[-1].end
            last = held[-1]
            # An overlap that leaves the next sentence no room is none.
            fits = last.tokens + sentence.tokens <= size
            keeps = fits and len(held) > 1 and last.tokens <= size * _MAX_OVERLAP_SHARE
            held, used = ([last], last.tokens) if keeps else ([], 0)
        held.append(sentence)
        used += sentence.tokens
    if held:
        yield held[0].start, held[-1].end

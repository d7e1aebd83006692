"""From the markers in a streamed answer to citations of what was retrieved.

A citation can only name a retrieved passage: a marker with any other number is taken out of the answer. Where the
text before a marker stands verbatim in its passage, the citation is that text's place; otherwise the whole passage's.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.chains.addresses import SafeAddresses
from rag.chains.markup import Piece, SafeMarkup
from rag.chains.passages import Passage

_MIN_QUOTE = 8  # letters and digits; a shorter claim is found in a passage by accident
_SENTENCE_END = re.compile(r"(?<=[.!?。])\s+|\n+")
_OPENERS = "\"'“‘(《「『<"
_CLOSERS = "\"'”’).!?。》」』>%"


@dataclass(frozen=True, slots=True)
class Citation:
    """`quote` is the document's own text at `char_start:char_end`, offsets into the page's extracted text.

    `headings`: under which it stands in the document, the outermost first.
    """

    marker: int
    chunk_id: str
    doc_id: str
    title: str
    page_from: int | None
    page_to: int | None
    char_start: int
    char_end: int
    quote: str
    headings: tuple[str, ...] = ()


class CitedText:
    """Reads the model's stream; gives back the text to show and, after its marker, each citation once."""

    def __init__(self, passages: Sequence[Passage], *, notice: str) -> None:
        self._passages = dict(enumerate(passages, start=1))
        self._markup = SafeMarkup()
        self._addresses = SafeAddresses(notice=notice)
        self._claim = ""  # what the model wrote since the last marker
        self._spaces = ""  # held back: an unknown marker takes the space before it along
        self._after_word = False
        self._cited: set[tuple[int, int, int]] = set()

    def feed(self, text: str) -> Iterator[str | Citation]:
        for piece in self._markup.feed(text):
            yield from self._read(piece)

    def finish(self) -> Iterator[str | Citation]:
        for piece in self._markup.finish():
            yield from self._read(piece)
        if rest := self._addresses.feed(self._spaces) + self._addresses.finish():
            yield rest

    def _read(self, piece: Piece) -> Iterator[str | Citation]:
        if piece.numbers:
            yield from self._mark(piece)
            return
        self._claim += piece.raw
        yield from self._show(piece.text)

    def _mark(self, piece: Piece) -> Iterator[str | Citation]:
        known = [number for number in piece.numbers if number in self._passages]
        if not known:
            if self._after_word:  # `items[0]` is code, not a citation
                yield from self._show(f"[{piece.numbers[0]}]")
            else:
                self._spaces = ""
            return
        yield from self._show("".join(f"[{number}]" for number in known))
        for number in known:
            citation = cite(number, self._passages[number], claim=self._claim)
            place = (number, citation.char_start, citation.char_end)
            if place not in self._cited:
                self._cited.add(place)
                yield citation
        self._claim = ""

    def _show(self, text: str) -> Iterator[str]:
        text = self._spaces + text
        shown = text.rstrip(" ")
        self._spaces = text[len(shown) :]
        if shown:
            self._after_word = not self._spaces and shown[-1].isascii() and (shown[-1].isalnum() or shown[-1] == "_")
            if safe := self._addresses.feed(shown):
                yield safe


def cite(number: int, passage: Passage, *, claim: str) -> Citation:
    start, end = locate(claim, passage.text) or (0, len(passage.text))
    exact = passage.char_end - passage.char_start == len(passage.text)
    return Citation(
        marker=number,
        chunk_id=passage.chunk_id,
        doc_id=passage.doc_id,
        title=passage.title,
        page_from=passage.page_from,
        page_to=passage.page_to,
        char_start=passage.char_start + start if exact else passage.char_start,
        char_end=passage.char_start + end if exact else passage.char_end,
        quote=passage.text[start:end],
        headings=passage.headings,
    )


def locate(claim: str, text: str) -> tuple[int, int] | None:
    """Where `claim`, or its last sentence, stands in `text`, whatever spaces, line ends and punctuation differ."""
    letters, places = _letters(text)
    for candidate in (claim, *_SENTENCE_END.split(claim.strip())[-1:]):
        wanted, _ = _letters(candidate)
        found = letters.find(wanted) if len(wanted) >= _MIN_QUOTE else -1
        if found >= 0:
            return _widen(text, places[found], places[found + len(wanted) - 1] + 1)
    return None


def _letters(text: str) -> tuple[str, list[int]]:
    kept = [(letter, place) for place, char in enumerate(text) if char.isalnum() for letter in char.lower()]
    return "".join(letter for letter, _ in kept), [place for _, place in kept]


def _widen(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start - 1] in _OPENERS:
        start -= 1
    while end < len(text) and text[end] in _CLOSERS:
        end += 1
    return start, end

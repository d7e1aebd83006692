"""Where sentences begin and end, for chunks that never cut one and for answers that quote them."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from retrieval import kiwi
from retrieval.kiwi import Token
from retrieval.terms import terms_of
from retrieval.text import folded, storable

# Kiwi reads one block at a time; blocks end at a blank line, a line, a space, in this order of preference.
_BLOCK = 4_000

# Kiwi ends sentences by Korean endings and leaves English paragraphs whole.
_ENGLISH_END = re.compile(r"(?<=[a-z0-9)\]%\"'’”][.!?])[\"'’”)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|Sr|Jr|vs|etc|cf|al|Fig|No|Vol|pp|ed|eds|approx|e\.g|i\.e)|\b[A-Z])\.$"
)


class Sentence(NamedTuple):
    """`text[start:end]` is the sentence, without the white space around it.

    `terms` are those of KiwiTerms, from the same analysis: a chunk made of whole sentences takes their terms
    together and need not be analysed again, which is a tenth of all the work of ingest. None when the text is not
    in composed form (NFC), because terms then need an analysis of their own.
    """

    start: int
    end: int
    terms: list[str] | None


def split_sentences(text: str) -> list[Sentence]:
    """Sentences in order; characters between them are white space. Runs for about 10 ms per 1,000 characters:
    keep it off the event loop. The text may be of any length and hold any character.
    """
    plain = folded(storable(text))
    composed = unicodedata.is_normalized("NFC", text)
    blocks = list(_blocks(plain))
    found: list[Sentence] = []
    for (start, end), sentences in zip(blocks, kiwi.tokens([plain[a:b] for a, b in blocks]), strict=True):
        for tokens in sentences:
            found += _sentences(plain[start:end], tokens, offset=start, composed=composed)
    return found


def _sentences(block: str, tokens: list[Token], *, offset: int, composed: bool) -> Iterator[Sentence]:
    last = tokens[-1]
    for start, end in _english(block, tokens[0].start, last.start + last.len):
        own = [token for token in tokens if start <= token.start < end]
        yield Sentence(offset + start, offset + end, terms_of(block[start:end], own) if composed else None)


def _english(block: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _ENGLISH_END.finditer(block, start, end):
        cut = len(block[: match.end()].rstrip())
        if not _ABBREVIATION.search(block, start, match.start()) and cut > start:
            yield start, cut
            start = match.end()
    yield start, end


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = min(start + _BLOCK, len(text))
        if end < len(text):
            end = next((cut for mark in ("\n\n", "\n", " ") if (cut := text.rfind(mark, start + 1, end)) > 0), end)
        yield start, end
        start = end

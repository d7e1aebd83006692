"""Terms without a dictionary: for languages that Kiwi does not know, and for tests that should start at once."""

import re
import unicodedata
from collections.abc import Sequence

from retrieval.terms import MAX_CHARACTERS
from retrieval.text import storable

_WORD = re.compile(r"[^\W_]+")


class BigramTerms:
    """Pairs of neighbouring characters inside each word; a word of one character is its own term."""

    name = "bigrams-1"

    def terms(self, text: str) -> list[str]:
        plain = unicodedata.normalize("NFKC", storable(text[:MAX_CHARACTERS])).lower()
        return [pair for word in _WORD.findall(plain) for pair in _pairs(word)]

    def terms_many(self, texts: Sequence[str]) -> list[list[str]]:
        return [self.terms(text) for text in texts]


def _pairs(word: str) -> list[str]:
    return [word[n : n + 2] for n in range(len(word) - 1)] or [word]

"""Lexical terms: what a text is found by when its words matter."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Protocol

from retrieval import kiwi
from retrieval.kiwi import Token
from retrieval.text import folded, storable

# More than a chunk holds. The analysers' time grows with the text, so an input without a bound would be a way
# to occupy a core.
MAX_CHARACTERS = 20_000
MAX_TERM = 64

_NOUNS = frozenset({"NNG", "NNP", "NR", "SN", "SH"})
_CONTENT = _NOUNS | {"VV", "VA", "XR"}
_COMPOUND = _NOUNS | {"NNB", "XPN", "XSN"}

# A noun that is not in Kiwi's dictionary has the number of its part of speech, NNG or NNP.
_UNKNOWN_NOUNS = frozenset({2, 3})
_PARTICLE = re.compile("(?<=..)(?:에서|으로|까지|부터|에게|처럼|보다|은|는|이|가|을|를|과|와|로|의|에|도|만)$")

_KOREAN = re.compile("[\u1100-\u11ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7a3]")
_LETTER = "(?:(?![\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7a3_])\\w)"
_WORD = re.compile(f"{_LETTER}+(?:[-.@/+#'’&]{_LETTER}+)*")
_JOINT = re.compile("[-.@/+#'’&]")
_SHORT = 3
_NO_PLURAL = ("us", "ss", "is", "aes", "ees", "oes", "eies", "aies")
_SIBILANT = ("sses", "ches", "shes", "xes", "zes")
_NUMBER = re.compile(r"[\d.,]+")


class TermAnalyser(Protocol):
    """Turns text into terms, in order and with repeats. `name` is stored with an index, because the terms of two
    analysers do not meet. Calls may come from any thread; both run for milliseconds and belong off the event loop.
    """

    @property
    def name(self) -> str: ...

    def terms(self, text: str) -> list[str]: ...

    def terms_many(self, texts: Sequence[str]) -> list[list[str]]: ...


class KiwiTerms:
    """Korean content morphemes, compound nouns whole and in parts, and words and numbers of other scripts.

    Kiwi cuts English words in pieces ("Washing" + "ton."), so what is not Korean is split by its own rule.
    """

    name = "kiwi-1"

    def terms(self, text: str) -> list[str]:
        return self.terms_many([text])[0]

    def terms_many(self, texts: Sequence[str]) -> list[list[str]]:
        clean = [_clean(text) for text in texts]
        korean = [text for text in clean if _KOREAN.search(text)]
        analysed = dict(zip(korean, kiwi.tokens(korean), strict=True))
        return [terms_of(text, chain.from_iterable(analysed.get(text, ()))) for text in clean]


def _clean(text: str) -> str:
    return folded(unicodedata.normalize("NFC", storable(text[:MAX_CHARACTERS])))


def terms_of(text: str, tokens: Iterable[Token]) -> list[str]:
    """The terms of a clean text whose Kiwi tokens are known; without Korean letters they are not looked at."""
    return _words(text) + (_morphemes(tokens) if _KOREAN.search(text) else _numbers(text))


def _words(text: str) -> list[str]:
    """Words of other scripts, lower-cased, plurals cut; joined words (`GPT-4o`) in parts and as one."""
    found = []
    for match in _WORD.finditer(text):
        parts = [part for part in _JOINT.split(match[0].lower()) if part]
        if len(parts) > 1 and not match[0].replace(".", "").isdecimal():
            found.append("".join(parts)[:MAX_TERM])
        found += [_singular(part)[:MAX_TERM] for part in parts if not part.isdecimal()]
    return found


def _singular(word: str) -> str:
    """Cuts English plurals as Harman's S-stemmer does, and `-es` after a sibilant; the same on both sides."""
    if len(word) <= _SHORT or not word.endswith("s") or word.endswith(_NO_PLURAL):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(_SIBILANT) else word[:-1]


def _numbers(text: str) -> list[str]:
    return [number for match in _NUMBER.finditer(text) if (number := _number(match[0]))]


def _morphemes(tokens: Iterable[Token]) -> list[str]:
    """Nouns, numbers and verb stems of one analysed text, with each run of adjacent nouns as one more term.

    The whole run is worth its place: KorQuAD R@1 .901 → .916 for the lexical side alone.
    """
    found: list[str] = []
    run: list[str] = []
    end = -1
    for token in tokens:
        tag = token.tag.partition("-")[0]
        if run and (tag not in _COMPOUND or token.start != end):
            found += _compound(run)
            run = []
        end = token.start + token.len
        form = _form(token.form, tag)
        if tag in _CONTENT and form:
            found.append(form)
            found += _without_particle(form, token)
        if tag in _COMPOUND and form:
            run.append(form)
    return found + _compound(run)


def _without_particle(form: str, token: Token) -> list[str]:
    """Kiwi takes a word that it does not know, alone with its particle, for one noun: 튜플만."""
    ends = _PARTICLE.search(form) if token.id in _UNKNOWN_NOUNS else None
    return [form[: ends.start()]] if ends else []


def _compound(run: list[str]) -> list[str]:
    return ["".join(run)[:MAX_TERM]] if len(run) > 1 else []


def _form(form: str, tag: str) -> str:
    plain = unicodedata.normalize("NFKC", form).lower()
    return _number(plain) if tag == "SN" else plain[:MAX_TERM]


def _number(digits: str) -> str:
    return digits.replace(",", "").strip(".")[:MAX_TERM]

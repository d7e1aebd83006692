"""Cuts passages into sentences that can stand as an answer: real sentences, list items, table rows."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.chains.passages import is_korean
from rag.chains.prompt import PromptDocument

type Split = Callable[[str], list[tuple[int, int]]]

_SHORTEST = 4  # letters and digits; below it stand page numbers and dashes
_LONGEST = 300  # characters; what is longer is a table or a list that the splitter took for one sentence
_FULL = 0.8  # of the widest line
_BLOCK_START = re.compile(r"\s*(?:[-*•·▪◦‣|#>]|\d{1,2}(?:\.\d{1,2})*[.)]?\s|\(\d{1,2}\)|[가-하]\.\s|[①-⑳])")
_TERMINAL = re.compile(r"[.!?。…:;]['\"”’)\]]*\s*\Z")
_NUMBERING = re.compile(r"\A(?:#+\s*|제?\s*\d{1,2}(?:\.\d{1,2})*[장절조.)]?\s+)")
_BULLET = re.compile(r"\A[-*•·▪◦‣]\s+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_LINK = re.compile(r"(?:https?://|www\.)[^\s가-힣]+")
_LONGEST_HEADING = 30
_CONTEXT_LINES = 2


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` is verbatim but for line ends.

    `context` is set for what is no full sentence (a table row, a list item) and holds the headings above it; a full
    sentence is found better without them. A heading is a poor answer by itself.
    """

    document: int
    text: str
    context: str = ""
    is_heading: bool = False
    is_korean: bool = True  # as its passage is: a row of numbers or an address has no language of its own

    @property
    def in_context(self) -> str:
        return f"{self.context}: {self.text}" if self.context else self.text

    @property
    def meaning(self) -> str:
        """What to embed: an address says what kind it is, its letters only draw English questions to it."""
        return _LINK.sub("link", _EMAIL.sub("email", self.in_context))


def cut_sentences(documents: Sequence[PromptDocument], *, split: Split) -> list[Sentence]:
    """In the order of the documents; a sentence that two overlapping passages share counts for the first."""
    seen: set[str] = set()
    sentences: list[Sentence] = []
    for document in documents:
        headings: list[str] = []
        korean = is_korean(document.text)
        for text in _pieces(document.text, split=split):
            sentence = _sentence(document.number, text, headings, korean=korean)
            bare = "".join(char for char in text if char.isalnum())
            if len(bare) >= _SHORTEST and bare not in seen:
                seen.add(bare)
                sentences.append(sentence)
            if sentence.is_heading:
                headings = [*headings, _NUMBERING.sub("", text)][-_CONTEXT_LINES:]
    return sentences


def _sentence(document: int, text: str, headings: Sequence[str], *, korean: bool) -> Sentence:
    if _TERMINAL.search(text):
        return Sentence(document, text, is_korean=korean)
    return Sentence(document, text, " ".join(headings), _is_heading(text), korean)


def _is_heading(text: str) -> bool:
    bare = _NUMBERING.sub("", text)
    is_short = len(bare) <= _LONGEST_HEADING and not _TERMINAL.search(bare)
    return is_short and "@" not in bare and not any(char.isdigit() for char in bare)


def _pieces(text: str, *, split: Split) -> list[str]:
    pieces = []
    for block in _blocks(text):
        for start, end in split(block):
            pieces += _shorten(_BULLET.sub("", " ".join(block[start:end].split())))
    return pieces


def _blocks(text: str) -> list[str]:
    """Lines that belong together: a line end counts where the author set it, not where the page was too narrow."""
    lines = [line for line in text.splitlines() if line.strip()]
    widest = max(map(len, lines), default=0)
    rows = {line for pair in pairwise(lines) if _are_rows(*pair) for line in pair}
    blocks = lines[:1]
    for above, line in pairwise(lines):
        # A passage may begin in the middle of a line, so its first line says nothing by its width.
        wrapped = _is_wrapped(above, line, widest) or (above is lines[0] and not _NUMBERING.match(above))
        if wrapped and above not in rows and not _BLOCK_START.match(line):
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
    return blocks


def _are_rows(above: str, line: str) -> bool:
    """Numbers stand in the same columns, at the beginning or at the end."""
    one, other = ([any(map(str.isdigit, cell)) for cell in each.split()] for each in (above, line))
    return any(left == right and sum(left) > 1 for left, right in ((one[:3], other[:3]), (one[-3:], other[-3:])))


def _is_wrapped(above: str, line: str, widest: int) -> bool:
    """The first word of `line` would not have fitted above. Letters differ in width, so this counts generously."""
    first_word = line.split(maxsplit=1)[0]
    return len(above) + 1 + len(first_word) >= _FULL * widest and not above.lstrip().startswith("|")


def _shorten(text: str) -> list[str]:
    parts = []
    while len(text) > _LONGEST:
        room = text[:_LONGEST]
        cut = max(room.rfind(mark) for mark in (", ", "; ", " · ", "| ")) + 1
        cut = cut if cut > _LONGEST // 3 else (room.rfind(" ") if " " in room else _LONGEST)
        parts.append(text[:cut].strip())
        text = text[cut:].strip()
    return [*parts, text] if text else parts

"""Cuts passages into sentences that can stand as an answer: real sentences, list items, table rows."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.chains.prompt import PromptDocument

type Split = Callable[[str], list[tuple[int, int]]]

_SHORTEST = 4  # letters and digits; below it stand page numbers and dashes
_LONGEST = 300  # characters; what is longer is a table or a list that the splitter took for one sentence
_WRAPPED = 0.7  # a line this near to the widest one was broken by the page's edge, not by its author
_BLOCK_START = re.compile(r"\s*(?:[-*•·▪◦‣|#>]|\d{1,2}(?:\.\d{1,2})*[.)]?\s|\(\d{1,2}\)|[가-하]\.\s|[①-⑳])")
_TERMINAL = re.compile(r"[.!?。…:;]['\"”’)\]]*\s*\Z")
_NUMBERING = re.compile(r"\A(?:#+\s*|제?\s*\d{1,2}(?:\.\d{1,2})*[장절조.)]?\s+)")
_BULLET = re.compile(r"\A[-*•·▪◦‣]\s+")
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

    @property
    def in_context(self) -> str:
        return f"{self.context}: {self.text}" if self.context else self.text


def cut_sentences(documents: Sequence[PromptDocument], *, split: Split) -> list[Sentence]:
    """In the order of the documents; a sentence that two overlapping passages share counts for the first."""
    seen: set[str] = set()
    sentences: list[Sentence] = []
    for document in documents:
        headings: list[str] = []
        for text in _pieces(document.text, split=split):
            sentence = _sentence(document.number, text, headings)
            bare = "".join(char for char in text if char.isalnum())
            if len(bare) >= _SHORTEST and bare not in seen:
                seen.add(bare)
                sentences.append(sentence)
            if sentence.is_heading:
                headings = [*headings, _NUMBERING.sub("", text)][-_CONTEXT_LINES:]
    return sentences


def _sentence(document: int, text: str, headings: Sequence[str]) -> Sentence:
    if _TERMINAL.search(text):
        return Sentence(document, text)
    return Sentence(document, text, " ".join(headings), _is_heading(text))


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
    lines = text.splitlines()
    widest = max(map(len, lines), default=0)
    blocks: list[str] = []
    joined = False
    for number, line in enumerate(lines):
        if joined and line.strip() and not _BLOCK_START.match(line):
            blocks[-1] += f"\n{line}"
        elif line.strip():
            blocks.append(line)
        # A passage may begin in the middle of a line, so its first line says nothing by its width.
        is_wide = len(line) >= _WRAPPED * widest or (number == 0 and not _is_heading(line))
        joined = bool(line.strip()) and is_wide and not line.lstrip().startswith("|")
    return blocks


def _shorten(text: str) -> list[str]:
    parts = []
    while len(text) > _LONGEST:
        room = text[:_LONGEST]
        cut = max(room.rfind(mark) for mark in (", ", "; ", " · ", "| ")) + 1
        cut = cut if cut > _LONGEST // 3 else (room.rfind(" ") if " " in room else _LONGEST)
        parts.append(text[:cut].strip())
        text = text[cut:].strip()
    return [*parts, text] if text else parts

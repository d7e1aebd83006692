"""Markup of a streamed answer made harmless: images become their description, links their text, HTML that loads goes.

An answer can be steered by text hidden in a document, and one image address is enough to carry a conversation out.
A construct may arrive cut into any pieces: text is held back only while it could still become one. What is taken out
leaves a space, so that its neighbours cannot join to what was not written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HOLD_LIMIT = 1_000  # characters held back for one construct; a longer one is broken up instead
_START = re.compile(r"!?\[|<")
_LOADING = (
    "(?:a|area|audio|base|embed|form|iframe|image|img|input|link|meta|object|picture|script|source|style|svg|video)"
)
_LOADING_TAG = re.compile(
    rf"</?(?:{_LOADING}\b|[a-z][\w-]*\s[^>]*\b(?:on\w+|src\w*|href|style|background|poster|action)\s*=)[^>]*>",
    re.IGNORECASE,
)
_PLAIN_TAG = re.compile(r"</?[a-z][\w.-]*/?>", re.IGNORECASE)  # `List<int>`, `<stdio.h>`, `<br/>`; no `<scheme:…>`
_MAYBE_TAG = re.compile(
    rf"</?(?:[a-z][\w.-]*/?)?\Z|</?(?:{_LOADING}\b|[a-z][\w-]*\s+[\w-]*\s*=?)[^>]*\Z", re.IGNORECASE
)
_JOINS_A_TAG = re.compile(r"[a-z/!?\[<]", re.IGNORECASE)
_INNER_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_MARKER = re.compile(r"\[(?:문서|document|doc\.?)?\s*#?(\d{1,2}(?:\s*[,;]\s*\d{1,2})*)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """`text` may be shown; `raw` is what the model wrote; `numbers` are those of a citation marker."""

    text: str
    raw: str
    numbers: tuple[int, ...] = ()


class SafeMarkup:
    """Feed it the stream's pieces; what it returns, joined, does not depend on where the stream was cut."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> Iterator[Piece]:
        self._held += piece
        return self._take(ended=False)

    def finish(self) -> Iterator[Piece]:
        return self._take(ended=True)

    def _take(self, *, ended: bool) -> Iterator[Piece]:
        while self._held:
            start = _START.search(self._held)
            plain = start.start() if start else len(self._held)
            if start is None and self._held[-1] == "!" and not ended:
                plain -= 1
            if plain:
                yield self._consume(plain)
            elif start is None:
                return
            elif (piece := self._construct(ended=ended)) is not None:
                yield piece
            else:
                return

    def _consume(self, length: int, text: str | None = None, *, numbers: tuple[int, ...] = ()) -> Piece:
        raw, self._held = self._held[:length], self._held[length:]
        return Piece(raw if text is None else text, raw, numbers)

    def _construct(self, *, ended: bool) -> Piece | None:
        """The construct at the start of the held text; None while its end is not known yet."""
        last = ended or len(self._held) > _HOLD_LIMIT
        found = self._tag(last=last) if self._held[0] == "<" else self._bracket(last=last)
        if found is None and last:
            # Never closed. Once the answer has ended its opening is harmless; in the middle it must not stay.
            return self._consume(1, None if ended else " ")
        return found

    def _bracket(self, *, last: bool) -> Piece | None:
        opening = self._held.index("[")
        closing = _closing(self._held, opening, "[]")
        if closing is None or (closing + 1 == len(self._held) and not last):
            return None
        label, length = self._held[opening + 1 : closing], closing + 1
        is_link = self._held.startswith("(", length)
        if is_link:
            end = _closing(self._held, length, "()")
            if end is None and not last:
                return None
            length = length + 1 if end is None else end + 1
        if marker := _MARKER.fullmatch(f"[{label}]"):
            numbers = tuple(dict.fromkeys(int(number) for number in re.findall(r"\d+", marker[1])))
            return self._consume(length, "", numbers=numbers)
        # Without its "!" a bracket shows no image.
        return self._consume(length, (_flat(label) or " ") if is_link else f"[{_flat(label)}]")

    def _tag(self, *, last: bool) -> Piece | None:
        if tag := _LOADING_TAG.match(self._held):
            return self._consume(tag.end(), " ")
        if tag := _PLAIN_TAG.match(self._held):
            return self._consume(tag.end())
        if _MAYBE_TAG.match(self._held) and not (last and self._held == "<"):
            return None
        return self._consume(1, "< " if _JOINS_A_TAG.match(self._held, 1) else "<")


def _flat(label: str) -> str:
    """A label holds no markup, however deep it was nested."""
    text = _INNER_LINK.sub(r"\1", label).replace("[", "").replace("]", "")
    return _LOADING_TAG.sub(" ", text).replace("<", "< ")


def _closing(text: str, opening: int, pair: str) -> int | None:
    depth = 0
    for index in range(opening, len(text)):
        depth += {pair[0]: 1, pair[1]: -1}.get(text[index], 0)
        if depth == 0:
            return index
    return None

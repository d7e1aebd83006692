"""Streamed answer text made safe to show: nothing in it loads or links to a remote address.

An answer can be steered by text hidden in a document, and an image address is enough to carry a conversation out.
So images become their description, links their text, bare addresses a short notice, and HTML that loads is dropped.
A construct may arrive cut into any pieces: text is held back only while it could still become one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HOLD_LIMIT = 1_000  # characters held back for one construct; a longer one is broken up instead
_TRAILING = ".,;:!?)]'*"  # punctuation that belongs to the sentence, not to the address before it
_RUN = r"(?<![A-Za-z0-9+.\-])[A-Za-z0-9+.\-]*"
_HOST = r"(?<![A-Za-z0-9:/])//"
_START = re.compile(rf"!?\[|<|{_RUN}://|(?<![A-Za-z0-9])www\.|{_HOST}(?=[A-Za-z0-9-]+\.[A-Za-z0-9])", re.IGNORECASE)
_MAYBE_START = re.compile(rf"(?:{_RUN}(?:://?|:)?|{_HOST}[A-Za-z0-9-]*\.?|/|!)\Z")
_ADDRESS = re.compile(r"[\w\-.~:/?#@!$&'*+,;=%()\[\]]*", re.ASCII)
_LOADING = (
    "(?:a|area|audio|base|embed|form|iframe|image|img|input|link|meta|object|picture|script|source|style|svg|video)"
)
_LOADING_TAG = re.compile(
    rf"</?(?:{_LOADING}\b|[a-z][\w-]*\s[^>]*\b(?:on\w+|src\w*|href|style|background|poster|action)\s*=)[^>]*>",
    re.IGNORECASE,
)
_TAG_PREFIX = re.compile(
    rf"</?(?:[a-z][\w-]*)?\Z|</?(?:{_LOADING}\b|[a-z][\w-]*\s+[\w-]*\s*=?)[^>]*\Z"
    r"|<(?:[a-z][a-z0-9+.-]*:|//?)[^<>\s]*\Z",
    re.IGNORECASE,
)
_TAG_START = re.compile(r"<(?=[a-z/])", re.IGNORECASE)
_AUTOLINK = re.compile(r"<(?:[a-z][a-z0-9+.-]*:|//)[^<>\s]*>", re.IGNORECASE)
_INNER_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_MARKER = re.compile(r"\[(?:문서|document|doc\.?)?\s*#?(\d{1,2}(?:\s*[,;]\s*\d{1,2})*)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """`text` may be shown; `raw` is what the model wrote; `numbers` are those of a citation marker."""

    text: str
    raw: str
    numbers: tuple[int, ...] = ()


class SafeText:
    """Feed it the stream's pieces; what it returns, joined, does not depend on where the stream was cut."""

    def __init__(self, *, notice: str) -> None:
        self._notice = notice  # stands where a bare address stood
        self._held = ""
        self._before = ""  # the character that went before: an address begins only where no word goes on

    def feed(self, piece: str) -> list[Piece]:
        self._held += piece
        return list(self._take(ended=False))

    def finish(self) -> list[Piece]:
        return list(self._take(ended=True))

    def _take(self, *, ended: bool) -> Iterator[Piece]:
        while self._held:
            known, offset = self._before + self._held, len(self._before)
            start = _START.search(known, offset)
            maybe = None if ended else _MAYBE_START.search(known, offset)
            plain = min(found.start() if found else len(known) for found in (start, maybe)) - offset
            if plain:
                yield self._consume(plain)
            elif start is None or start.start() > offset:
                return  # what is held may be the beginning of an address
            else:
                constructed = self._construct(ended=ended)
                if constructed is None:
                    return
                yield constructed

    def _consume(self, length: int, text: str | None = None, *, numbers: tuple[int, ...] = ()) -> Piece:
        raw, self._held = self._held[:length], self._held[length:]
        self._before = raw[-1:]
        return Piece(raw if text is None else text, raw, numbers)

    def _construct(self, *, ended: bool) -> Piece | None:
        """The construct at the start of the held text; None while its end is not known yet."""
        last = ended or len(self._held) > _HOLD_LIMIT
        if self._held[0] in "![":
            found = self._bracket(last=last)
        elif self._held[0] == "<":
            found = self._tag()
        else:
            found = self._address(last=last)
        if found is None and last:
            # Never closed. Once the answer has ended its opening is harmless; in the middle it must not stay.
            return self._consume(1, None if ended else "")
        return found

    def _bracket(self, *, last: bool) -> Piece | None:
        opening = self._held.index("[")
        closing = _closing(self._held, opening, "[]")
        if closing is None or (closing + 1 == len(self._held) and not last):
            return None
        label, after = self._held[opening + 1 : closing], self._held[closing + 1 : closing + 2]
        marker = _MARKER.fullmatch(f"[{label}]")
        length = closing + 1
        if after == "(":
            end = _closing(self._held, closing + 1, "()")
            if end is None and not last:
                return None
            length = closing + 2 if end is None else end + 1
        if marker:
            return self._consume(length, " " if after == ":" else "", numbers=_numbers(marker))
        if after == "(":
            return self._consume(length, self._clean(label))
        # Without "!" it shows no image, and "[x] :" defines no link.
        return self._consume(length, f"[{self._clean(label)}]{' ' if after == ':' else ''}")

    def _tag(self) -> Piece | None:
        if tag := _LOADING_TAG.match(self._held):
            return self._consume(tag.end(), "")
        if link := _AUTOLINK.match(self._held):
            return self._consume(link.end(), self._notice)
        if _TAG_PREFIX.match(self._held):
            return None
        return self._consume(1)

    def _address(self, *, last: bool) -> Piece | None:
        address = _ADDRESS.match(self._held)
        length = len(address[0].rstrip(_TRAILING)) if address else 0
        if not last and length == len(self._held.rstrip(_TRAILING)):
            return None
        return self._consume(max(length, 1), self._notice)

    def _clean(self, label: str) -> str:
        """A label holds no brackets and no address, however deep they were nested."""
        flat = _INNER_LINK.sub(r"\1", label).replace("[", "").replace("]", "")
        flat = _TAG_START.sub("", _LOADING_TAG.sub("", flat))  # its ">" may follow after the label
        inner = SafeText(notice=self._notice)
        return "".join(piece.text for piece in (*inner.feed(flat), *inner.finish()))


def _numbers(marker: re.Match[str]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(number) for number in re.findall(r"\d+", marker[1])))


def _closing(text: str, opening: int, pair: str) -> int | None:
    depth = 0
    for index in range(opening, len(text)):
        depth += {pair[0]: 1, pair[1]: -1}.get(text[index], 0)
        if depth == 0:
            return index
    return None

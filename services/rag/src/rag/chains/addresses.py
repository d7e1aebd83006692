"""Addresses in the text that is shown: none is left that a page could make into a link or load.

This comes last, after citations were placed, so that whatever the earlier steps put side by side is looked at as well.
"""

import re
from collections.abc import Iterator

_RUN = r"(?<![A-Za-z0-9+.\-])[A-Za-z0-9+.\-]*"
_HOST = r"(?<![A-Za-z0-9:/])//"
_START = re.compile(rf"{_RUN}://|(?<![A-Za-z0-9])www\.|{_HOST}(?=[A-Za-z0-9-]+\.[A-Za-z0-9])", re.IGNORECASE)
_MAYBE_START = re.compile(rf"(?:{_RUN}(?:://?|:)?|{_HOST}[A-Za-z0-9-]*\.?|/)\Z")
_ADDRESS = re.compile(r"[\w\-.~:/?#@!$&'*+,;=%()]*", re.ASCII)
_TRAILING = ".,;:!?)'*"  # punctuation that belongs to the sentence, not to the address before it
_TARGET = re.compile(r"\](?=[(:])")


class SafeAddresses:
    """Feed it the text to show; what it returns, joined, does not depend on where the text was cut."""

    def __init__(self, *, notice: str) -> None:
        self._notice = notice  # stands where an address stood
        self._held = ""
        self._before = ""  # the character that went before: an address begins only where no word goes on

    def feed(self, text: str) -> str:
        self._held += text
        return "".join(self._take(ended=False))

    def finish(self) -> str:
        return "".join(self._take(ended=True))

    def _take(self, *, ended: bool) -> Iterator[str]:
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
                address = _ADDRESS.match(self._held)
                length = len(address[0].rstrip(_TRAILING)) if address else 0
                if not ended and length == len(self._held.rstrip(_TRAILING)):
                    return  # it may go on
                gap = " " if self._before == "]" else ""
                self._consume(max(length, 1))
                yield gap + self._notice

    def _consume(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        # "[x](" and "[x]:" would link wherever they point to, also to "/\\host".
        safe = _TARGET.sub("] ", self._before + text)[len(self._before) :]
        self._before = text[-1:]
        return safe

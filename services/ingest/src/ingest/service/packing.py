"""Pieces put together into chunks: greedily, up to a size, along the page's structure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ingest.service.pieces import Piece

# Sentences may be repeated at a seam; a row or a line of code twice would be two facts.
_REPEATED = ("paragraph", "item")


@dataclass
class Packer:
    """`size`: tokens of a chunk. `overlap`: tokens that a chunk may repeat of the one before it. `lead`: tokens that
    headings, or a table's header, may take of the chunk that they open.
    """

    size: int
    overlap: int
    lead: int
    _held: list[Piece] = field(default_factory=list)

    def pack(self, pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
        """Runs of pieces, each one chunk. Headings open chunks; what fits into a chunk whole is not divided."""
        for _, own in groupby(pieces, key=lambda piece: piece.block):
            block = list(own)
            if len(block) == 1 and self._leads(block[0]):
                yield from self._add_lead(block[0])
            elif sum(piece.tokens for piece in block) + self._lead_tokens() <= self.size:
                yield from self._add(block)
            else:
                for piece in block:
                    yield from self._add([piece])
        if self._held:
            yield self._held
        self._held = []

    def _leads(self, piece: Piece) -> bool:
        """A heading or header belongs to what follows; one that would fill the chunk is text like any other."""
        return piece.kind in ("heading", "header") and piece.tokens <= self.lead

    def _add_lead(self, piece: Piece) -> Iterator[list[Piece]]:
        if piece.kind == "heading" and not all(map(self._leads, self._held)):
            yield from self._cut([])
        if self._used() + piece.tokens > self.size:
            yield from self._cut([piece])
        self._held.append(piece)

    def _add(self, pieces: list[Piece]) -> Iterator[list[Piece]]:
        """The pieces stay together; together with what opens the chunk they may be larger than the size."""
        if self._used() + sum(piece.tokens for piece in pieces) > self.size:
            yield from self._cut(pieces)
        self._held += pieces

    def _cut(self, coming: list[Piece]) -> Iterator[list[Piece]]:
        """Ends the chunk before `coming`; what leads goes along, or else a repeated end does."""
        kept = self._trailing() if coming else []
        whole, body = self._held, self._held[: len(self._held) - len(kept)]
        if body:
            self._held = kept or self._repeated(body, coming)
            yield body
        else:
            self._held = whole

    def _trailing(self) -> list[Piece]:
        """The headings and headers that the held pieces end with, as many as may lead a chunk."""
        kept: list[Piece] = []
        for piece in reversed(self._held):
            if not self._leads(piece) or piece.tokens + sum(each.tokens for each in kept) > self.lead:
                break
            kept.insert(0, piece)
        return kept

    def _repeated(self, body: list[Piece], coming: list[Piece]) -> list[Piece]:
        room = min(self.overlap, self.size - sum(piece.tokens for piece in coming)) if coming else 0
        kept: list[Piece] = []
        # The first piece is never repeated: two chunks would begin alike.
        for piece in reversed(body[1:]):
            room -= piece.tokens
            if piece.kind not in _REPEATED or room < 0:
                break
            kept.insert(0, piece)
        return kept

    def _lead_tokens(self) -> int:
        return sum(piece.tokens for piece in self._trailing())

    def _used(self) -> int:
        return sum(piece.tokens for piece in self._held)

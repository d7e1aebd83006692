"""Cutting pages into chunks by their structure, up to a size in the embedding model's own tokens.

A chunk never crosses a page, so that a citation names one page, and its text is exactly a stretch of that page. What
the model should know besides (under which headings the text stands, what a table's columns are) is its `context`:
embedded and indexed before the text, never cited.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self, get_args

from ingest.ports import PageText
from ingest.service.packing import Packer
from ingest.service.pieces import CountTokens, Piece, counted, pieces_of
from retrieval.models import EmbeddingModel

Strategy = Literal["structure-1"]

# Of a chunk's size: what headings may take of it, in its text and again in its context.
_LEAD_SHARE = 4
_PATH = " > "


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunking:
    """How a document was cut, to be recorded with it. `tokens` and `overlap` count the model's tokens; a name of a
    strategy never changes its meaning.
    """

    strategy: Strategy = "structure-1"
    tokens: int = 240
    overlap: int = 40

    def __post_init__(self) -> None:
        numbers = (self.tokens, self.overlap)
        if self.strategy not in get_args(Strategy) or not all(type(each) is int for each in numbers):
            raise ValueError(f"no such chunking: {self!r}")
        if self.tokens < 1 or not 0 <= self.overlap < self.tokens:
            raise ValueError(f"a chunk has tokens, and repeats less than all of them: {self!r}")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> Self:
        """Raises ValueError for what this version cannot cut."""
        if unknown := recorded.keys() - cls.__slots__:
            raise ValueError(f"no such parameters of chunking: {sorted(unknown)}")
        return cls(**recorded)


@dataclass(frozen=True)
class ChunkText:
    """`text` is characters char_start..char_end of the page. `headings`: under which it stands, the outermost first.
    `context`: what is embedded before the text and is not in it; may be empty.
    """

    ordinal: int
    page: int
    char_start: int
    char_end: int
    text: str
    headings: list[str] = field(default_factory=list)
    context: str = ""


@dataclass(frozen=True, slots=True)
class _Heading:
    level: int
    text: str
    tokens: int


@dataclass
class _Place:
    """Where in the document's structure the cutting has come to; both go on over the pages."""

    path: list[_Heading] = field(default_factory=list)
    header: _Heading | None = None


async def chunk(
    pages: Sequence[PageText], chunking: Chunking, *, model: EmbeddingModel, count_tokens: CountTokens
) -> list[ChunkText]:
    """Chunks of at most about `chunking.tokens`; one that cannot be divided may be larger, as far as the model's
    window goes. `count_tokens` is asked once, and again only for what is larger than that.
    """
    window = model.passage_room
    size = min(chunking.tokens, window)
    lead = size // _LEAD_SHARE
    found = await counted(
        [(page.text, pieces_of(page.text, page.blocks)) for page in pages],
        limit=window - lead,
        special=model.special_tokens,
        count_tokens=count_tokens,
    )
    packer = Packer(size=size, overlap=chunking.overlap, lead=lead)
    place = _Place()
    chunks: list[ChunkText] = []
    for page, pieces in zip(pages, found, strict=True):
        for made in _chunks(page, packer.pack(pieces), place=place, lead=lead, window=window):
            chunks.append(replace(made, ordinal=len(chunks)))
    return chunks


def _chunks(
    page: PageText, runs: Iterator[list[Piece]], *, place: _Place, lead: int, window: int
) -> Iterator[ChunkText]:
    for run in runs:
        start, end = run[0].start, run[-1].end
        goes_on = place.header if run[0].kind == "row" else None
        own = _follow(page.text, run, place=place, lead=lead)
        outer = [heading for heading in place.path if heading not in own]
        yield ChunkText(
            ordinal=0,
            page=page.number,
            char_start=start,
            char_end=end,
            text=page.text[start:end],
            headings=[heading.text for heading in place.path],
            context=_context(outer, goes_on, lead=lead, room=window - sum(piece.tokens for piece in run)),
        )


def _follow(text: str, run: Sequence[Piece], *, place: _Place, lead: int) -> list[_Heading]:
    """The place after the run; the headings in it."""
    own: list[_Heading] = []
    for piece in run:
        said = _Heading(max(piece.level, 1), " ".join(text[piece.start : piece.end].split()), piece.tokens)
        if piece.kind == "heading" and piece.tokens <= lead:
            place.path = [*(each for each in place.path if each.level < said.level), said]
            own.append(said)
        if piece.kind != "row":
            place.header = said if piece.kind == "header" else None
    return own


def _context(path: Sequence[_Heading], header: _Heading | None, *, lead: int, room: int) -> str:
    """The nearest headings and the table's header, as far as there is room for them in the model's window."""
    lines: list[str] = []
    if header and header.tokens < room:
        lines.append(header.text)
        room -= header.tokens
    near: list[str] = []
    room = min(room, lead)
    for heading in reversed(path):
        # One more for the mark between two.
        room -= heading.tokens + 1
        if room < 0:
            break
        near.insert(0, heading.text)
    return "\n".join([*([_PATH.join(near)] if near else []), *lines])

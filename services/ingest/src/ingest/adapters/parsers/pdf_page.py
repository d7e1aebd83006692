"""The port that both PDF engines stand behind, inside the child."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ingest.adapters.parsers.lines import Line

# Page index → (title, level from 1) of what the outline points at on this page.
type Outline = dict[int, list[tuple[str, int]]]


@dataclass(frozen=True)
class Picture:
    """Grey pixels, one byte each, rows of `stride` bytes."""

    pixels: bytes
    width: int
    height: int
    stride: int
    dpi: float


@dataclass(frozen=True)
class Shapes:
    """`is_ruled`: lines that a table may be drawn with. `has_picture`: something whose text only OCR could read."""

    is_ruled: bool
    has_picture: bool


class PdfPage(Protocol):
    @property
    def width(self) -> float: ...

    def lines(self) -> list[Line]:
        """In the order of the content, points from the page's top left as it is shown."""
        ...

    def picture(self, *, dpi: int, most_pixels: int) -> Picture:
        """The page rendered, with fewer dots where it would have more than `most_pixels`."""
        ...


class PdfDocument(Protocol):
    total: int

    def outline(self) -> Outline: ...

    def page(self, index: int) -> AbstractContextManager[PdfPage]:
        """Raises Refused."""
        ...

"""What ingest's services need from outside, each with the adapter that the factory picks."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt


class Storage(Protocol):
    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store the stream whole or not at all. Raises Unavailable."""
        ...

    def fetch(self, key: str) -> AbstractAsyncContextManager[Path]:
        """The object as a local file, gone after the block. Raises Unavailable, FileNotFoundError."""
        ...

    async def delete(self, key: str) -> int:
        """Objects deleted: 1, or 0 when there was none. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Block:
    """Characters start..end of a page's text.

    `kind`: "heading" (`level` 1..6), "paragraph", "item" (of a list), "header" and "row" (of a table), "code".
    """

    kind: str
    start: int
    end: int
    level: int = 0


@dataclass(frozen=True)
class PageText:
    """One page's text. `number` counts from 1; `total` is the page count, known from the first page on. `blocks` stand
    in order and do not overlap; a page whose format knows no structure has none.
    """

    number: int
    total: int
    text: str
    blocks: tuple[Block, ...] = ()


class Parser(Protocol):
    def pages(self, path: Path, media_type: str) -> AsyncGenerator[PageText]:
        """The document's pages in order. Raises Unreadable."""
        ...


@dataclass(frozen=True)
class Embedded:
    """`vectors`: float32 [n, dimension], unit norm. `tokens`: what the provider billed."""

    vectors: npt.NDArray[np.float32]
    tokens: int


class Embedder(Protocol):
    async def embed(self, texts: list[str]) -> Embedded:
        """Passages to vectors. Raises NotEmbedded."""
        ...

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """Tokens of each text as the model sees it. Raises NotEmbedded."""
        ...

"""What ingest's services need from outside, each with the adapter that the factory picks."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from retrieval.configured import BatchShape


@dataclass(frozen=True, slots=True)
class Stored:
    key: str
    size_bytes: int
    modified_at: datetime


class Storage(Protocol):
    """Objects by key, in the manner of `documents/<id>/original`. Whatever else fails raises Unavailable."""

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store the stream whole or not at all; an error of the stream itself comes through.

        Cancelled or Unavailable: it is there whole, or not at all, and nobody knows which.
        """
        ...

    def fetch(self, key: str) -> AbstractAsyncContextManager[Path]:
        """The object as a local file, gone after the block. Raises FileNotFoundError."""
        ...

    def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to and without `end`, a piece at a time. Raises FileNotFoundError."""
        ...

    async def size(self, key: str) -> int:
        """Bytes. Raises FileNotFoundError."""
        ...

    async def delete(self, key: str) -> int:
        """Objects deleted: 1, or 0 when there was none."""
        ...

    async def purge(self, key: str) -> int:
        """Delete the object, all below `key/`, and what a put that was killed left of them. Objects deleted."""
        ...

    def list(self, prefix: str) -> AsyncIterator[Stored]:
        """The objects below `prefix/`, in no order; half ones are none."""
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
    @property
    def shape(self) -> BatchShape:
        """Of the calls to `embed` that it is fastest with."""
        ...

    async def embed(self, texts: list[str]) -> Embedded:
        """Passages to vectors. Raises NotEmbedded."""
        ...

    async def count_tokens(self, texts: list[str]) -> list[int]:
        """Tokens of each text as the model sees it. Raises NotEmbedded."""
        ...

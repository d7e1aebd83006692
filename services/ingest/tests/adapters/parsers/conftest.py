"""Reading a document as the child process does, with what holds of every page of every format."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.adapters.parsers.page import Page

Read = Callable[..., list[Page]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """`read(parser.pages, content, **limits)`."""

    def pages_of(pages, content: bytes, **limits) -> list[Page]:
        path = tmp_path / "original"
        path.write_bytes(content)
        found = list(pages(path, **limits))
        assert [(page.number, page.total) for page in found] == [(n, len(found)) for n in range(1, len(found) + 1)]
        for page in found:
            check_blocks(page)
        return found

    return pages_of


def check_blocks(page: Page) -> None:
    """They stand in order, do not overlap, are trimmed, and only white space lies between them."""
    at = 0
    for block in page.blocks:
        assert at <= block.start < block.end <= len(page.text)
        assert not page.text[at : block.start].strip()
        own = page.text[block.start : block.end]
        assert own == own.strip()
        assert "\n" not in own or block.kind not in ("row", "header")
        assert (block.level > 0) == (block.kind == "heading")
        at = block.end
    assert not page.text[at:].strip()


@pytest.fixture
def outline() -> Callable[[Page], list[tuple]]:
    """Kind, level of headings, and text of each block."""

    def of(page: Page) -> list[tuple]:
        return [
            (block.kind, *([block.level] if block.level else []), page.text[block.start : block.end])
            for block in page.blocks
        ]

    return of


@pytest.fixture(autouse=True)
def own_field_size() -> Iterator[None]:
    """The parser of CSV raises the limit of its process, which is one of its own but here."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)

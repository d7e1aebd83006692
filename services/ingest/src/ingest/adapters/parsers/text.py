"""Plain text: its own characters, cut into pages near every 3,000, with its paragraphs."""

from collections.abc import Iterator
from pathlib import Path

from ingest.adapters.parsers.encodings import decode
from ingest.adapters.parsers.flow import PAGE_CHARACTERS, paragraphs, spans
from ingest.adapters.parsers.page import Page, clean


def pages(path: Path) -> Iterator[Page]:
    """The pages give the text back whole, so that a place in a page is a place in the file."""
    text = clean(decode(path.read_bytes()))
    places = list(spans(text, PAGE_CHARACTERS))
    for number, (start, end) in enumerate(places, start=1):
        own = text[start:end]
        yield Page(number, len(places), own, tuple(paragraphs(own)))

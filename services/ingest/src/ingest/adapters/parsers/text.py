"""Plain text and Markdown, in the encodings that Korean files come in."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from ingest.adapters.parsers.page import Page, Refused, clean

_PAGE_CHARACTERS = 3000


def pages(path: Path) -> Iterator[Page]:
    """Plain text has no pages; it is cut near every 3,000 characters, at a paragraph or line where there is one."""
    text = decode(path.read_bytes())
    cuts = [0]
    while cuts[-1] < len(text):
        cuts.append(_page_end(text, cuts[-1]))
    for number, (start, end) in enumerate(pairwise(cuts), start=1):
        yield Page(number, len(cuts) - 1, clean(text[start:end]))


def _page_end(text: str, start: int) -> int:
    end = start + _PAGE_CHARACTERS
    if end >= len(text):
        return len(text)
    half = start + _PAGE_CHARACTERS // 2
    return next((at for mark in ("\n\n", "\n", " ") if (at := text.rfind(mark, half, end)) > half), end)


def decode(raw: bytes) -> str:
    encodings = ["utf-16"] if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "cp949"]
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused("text_undecodable")

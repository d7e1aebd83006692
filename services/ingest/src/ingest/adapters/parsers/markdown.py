"""Markdown (CommonMark with tables), by way of the HTML that it stands for."""

import re
from collections.abc import Iterator
from pathlib import Path

from ingest.adapters.parsers import html
from ingest.adapters.parsers.encodings import decode
from ingest.adapters.parsers.flow import Flow
from ingest.adapters.parsers.page import Page

# YAML between two lines of dashes; CommonMark would make a heading of it.
_FRONT_MATTER = re.compile(r"\A---\n(.{0,20000}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)


def pages(path: Path) -> Iterator[Page]:
    from markdown_it import MarkdownIt  # noqa: PLC0415  other formats do not need it

    # A line of the source stays a line: notes are often written without empty lines between.
    markdown = MarkdownIt("commonmark", {"breaks": True}).enable(["table", "strikethrough"])
    text = decode(path.read_bytes()).replace("\r\n", "\n")
    flow = Flow()
    front = _FRONT_MATTER.match(text)
    if front:
        flow.add(front[1])
        text = text[front.end() :]
    html.read(markdown.render(text), flow)
    yield from flow.pages()

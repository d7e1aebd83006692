"""The lines that a parser's child writes, believed no further than they can be checked."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from ingest.adapters.parser_child import MAX_CHARACTERS
from ingest.ports import Block, PageText

# Of JSON: text is at most six bytes a character when it is escaped, and blocks come on top.
_MAX_BYTES = 8 * MAX_CHARACTERS
_KINDS = frozenset({"heading", "paragraph", "item", "header", "row", "code"})


class Broken(Exception):
    """The child says what no parser says, or too much of it."""


class Lines:
    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self._bytes = 0
        self._characters = 0
        self._pages = 0

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Raises Broken."""
        while line := await self._next():
            self._bytes += len(line)
            if self._bytes > _MAX_BYTES:
                raise Broken
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise Broken from error
            if not isinstance(record, dict):
                raise Broken
            yield record

    async def _next(self) -> bytes:
        try:
            return await self._stream.readline()
        except ValueError as error:
            # A line beyond the limit.
            raise Broken from error

    def page(self, record: dict[str, Any]) -> PageText:
        """The next page. Raises Broken."""
        try:
            page = PageText(record["page"], record["total"], record["text"], _blocks(record))
        except (KeyError, TypeError, ValueError) as error:
            raise Broken from error
        self._pages += 1
        if not (
            isinstance(page.text, str) and isinstance(page.total, int) and page.number == self._pages <= page.total
        ):
            raise Broken
        self._characters += len(page.text)
        if self._characters > MAX_CHARACTERS:
            raise Broken
        return page


def _blocks(record: dict[str, Any]) -> tuple[Block, ...]:
    """In order, without overlap, and within the text."""
    blocks, at = [], 0
    for kind, start, end, level in record["blocks"]:
        if kind not in _KINDS or not at <= start <= end <= len(record["text"]) or not isinstance(level, int):
            raise Broken
        blocks.append(Block(kind, start, end, level))
        at = end
    return tuple(blocks)

"""Parsing in a child process with limits of memory, processor time, wall time and output.

A hostile or broken file can end the child, never the worker: its death is a reason on the document.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path

from ingest.errors import NO_TEXT, PARSE_LIMIT, PDF_DAMAGED, REASONS, TOO_MANY_PAGES, Unreadable
from ingest.ports import Block, PageText

_LINE_LIMIT = 16 * 1024**2
_PARSERS_AT_ONCE = 2


class ChildProcessParser:
    def __init__(self, *, seconds: int, memory_bytes: int, max_pages: int) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._max_pages = max_pages
        self._turn = asyncio.Semaphore(_PARSERS_AT_ONCE)

    async def pages(self, path: Path, media_type: str) -> AsyncGenerator[PageText]:
        async with self._turn:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ingest.adapters.parser_child",
                str(path),
                media_type,
                str(self._memory_bytes),
                str(self._seconds),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE_LIMIT,
                # No secret of the worker's environment is in reach of what a file may do to the parser.
                env={"PYTHONPATH": ":".join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
            )
            try:
                async with asyncio.timeout(self._seconds):
                    async for page in self._read(child):
                        yield page
            except (TimeoutError, ValueError) as error:
                raise Unreadable(PARSE_LIMIT) from error
            finally:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()

    async def _read(self, child: asyncio.subprocess.Process) -> AsyncIterator[PageText]:
        assert child.stdout is not None  # noqa: S101  it was asked for
        has_text = False
        while line := await child.stdout.readline():
            record = json.loads(line)
            if "error" in record:
                raise Unreadable(REASONS.get(record["error"], PDF_DAMAGED))
            if record["total"] > self._max_pages:
                raise Unreadable(TOO_MANY_PAGES, limit=self._max_pages)
            # Dashes and zero-width spaces are no text: a document of them would be ready, and nothing could find it.
            has_text = has_text or any(map(str.isalnum, record["text"]))
            blocks = tuple(Block(*each) for each in record["blocks"])
            yield PageText(record["page"], record["total"], record["text"], blocks)
        if await child.wait() != 0:
            raise Unreadable(PARSE_LIMIT)
        if not has_text:
            raise Unreadable(NO_TEXT)

"""Parsing in a child process with limits of memory, processor time, wall time and output, and without a network.

A hostile or broken file can end the child, never the worker: its death is a reason on the document. Nothing that the
child says is believed before it is looked at, because a file may have taken the child over.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.adapters.child_lines import Broken, Lines
from ingest.adapters.parsers.job import WALL_SECONDS, Job
from ingest.errors import (
    FILE_DAMAGED,
    NO_TEXT,
    OCR_UNAVAILABLE,
    PARSE_LIMIT,
    REASONS,
    TOO_MANY_PAGES,
    TOO_MANY_SCANS,
    Unreadable,
)
from ingest.ports import PageText

log = logging.getLogger(__name__)

_LINE_LIMIT = 16 * 1024**2
_PARSERS_AT_ONCE = 2
# A usual document is read in a second. What takes longer makes way for those behind it, and runs when they do not.
_QUICK_SECONDS = 2.0
_SLOW_NICENESS = 15
_WALLS = {"landlock", "seccomp"}


@dataclass(frozen=True, kw_only=True)
class OcrLimits:
    """`tessdata`: the folder of Tesseract's languages, None where there is none. `seconds`: of processor, a page."""

    tessdata: Path | None = None
    seconds: int = 30
    max_pages: int = 200


class ChildProcessParser:
    """`seconds`: of processor; WALL_SECONDS times as many by the clock."""

    def __init__(self, *, seconds: int, memory_bytes: int, max_pages: int, ocr: OcrLimits | None = None) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._max_pages = max_pages
        self._ocr = ocr or OcrLimits()
        self._turn = asyncio.Semaphore(_PARSERS_AT_ONCE)
        self._told_of_walls = False

    async def pages(self, path: Path, media_type: str) -> AsyncGenerator[PageText]:
        turn = Turn(self._turn)
        await turn.take()
        try:
            async for page in self._pages_of(await self._start(path, media_type), turn):
                yield page
        finally:
            turn.give_back()

    async def _pages_of(self, child: asyncio.subprocess.Process, turn: "Turn") -> AsyncIterator[PageText]:
        making_way = asyncio.get_running_loop().call_later(_QUICK_SECONDS, turn.make_way, child.pid)
        try:
            async with asyncio.timeout(WALL_SECONDS * self._seconds) as deadline:
                async for page in self._read(child, deadline):
                    yield page
        except (TimeoutError, Broken) as error:
            raise Unreadable(PARSE_LIMIT) from error
        finally:
            making_way.cancel()
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _start(self, path: Path, media_type: str) -> asyncio.subprocess.Process:
        job = Job(
            path=str(path),
            media_type=media_type,
            memory_bytes=self._memory_bytes,
            seconds=self._seconds,
            tessdata=str(self._ocr.tessdata or ""),
            ocr_seconds=self._ocr.seconds,
            max_ocr_pages=self._ocr.max_pages,
        )
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "ingest.adapters.parser_child", job.written()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LINE_LIMIT,
            cwd="/",
            # No secret of the worker's environment is in reach of what a file may do to the parser.
            env={"PYTHONPATH": _import_path(), "PYTHONDONTWRITEBYTECODE": "1", "OMP_THREAD_LIMIT": "1"},
        )

    async def _read(self, child: asyncio.subprocess.Process, deadline: asyncio.Timeout) -> AsyncIterator[PageText]:
        assert child.stdout is not None  # noqa: S101  it was asked for
        lines = Lines(child.stdout)
        has_text, scans = False, 0
        async for record in lines:
            match record:
                case {"walls": list(walls)}:
                    self._note_walls(walls)
                case {"error": str(code)}:
                    raise self._refusal(code)
                case {"ocr": _}:
                    scans += 1
                    self._allow_scan(scans, deadline)
                case _:
                    page = lines.page(record)
                    if page.total > self._max_pages:
                        raise Unreadable(TOO_MANY_PAGES, limit=self._max_pages)
                    # Dashes and zero-width spaces are no text: nothing could find a document of them.
                    has_text = has_text or any(map(str.isalnum, page.text))
                    yield page
        if await child.wait() != 0:
            raise Unreadable(PARSE_LIMIT)
        if not has_text:
            raise Unreadable(NO_TEXT)

    def _refusal(self, code: str) -> Unreadable:
        if code == TOO_MANY_SCANS.code:
            return Unreadable(TOO_MANY_SCANS, limit=self._ocr.max_pages)
        if code == OCR_UNAVAILABLE.code:
            log.error("OCR is asked for and Tesseract's languages are not installed: see deploy/local/README.md")
        return Unreadable(REASONS.get(code, FILE_DAMAGED))

    def _allow_scan(self, scans: int, deadline: asyncio.Timeout) -> None:
        """A page that is read from its picture has time of its own."""
        until = deadline.when()
        if scans > self._ocr.max_pages or until is None:
            raise Unreadable(TOO_MANY_SCANS, limit=self._ocr.max_pages)
        deadline.reschedule(until + WALL_SECONDS * self._ocr.seconds)

    def _note_walls(self, walls: list[object]) -> None:
        missing = _WALLS - {str(each) for each in walls}
        if missing and not self._told_of_walls:
            self._told_of_walls = True
            log.warning(
                "this kernel has no %s: files are parsed with limits of memory and time alone, and could reach the "
                "network",
                " and no ".join(sorted(missing)),
            )


class Turn:
    """A place among those that are parsed at once, given back once however often that is asked for."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._is_held = False

    async def take(self) -> None:
        await self._places.acquire()
        self._is_held = True

    def give_back(self) -> None:
        if self._is_held:
            self._is_held = False
            self._places.release()

    def make_way(self, pid: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, pid, _SLOW_NICENESS)
        self.give_back()


def _import_path() -> str:
    """Where the child imports from: never the folder that the worker was started in, which may hold anything."""
    return os.pathsep.join(each for each in sys.path if each and Path(each) != Path.cwd())

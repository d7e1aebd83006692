"""The real child process: what it reads, what it refuses, and that nothing in a file can hurt the worker."""

import asyncio
import os
import re
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import growfit_documents as documents
import pytest
from growfit_documents import pictures

from ingest.adapters.ocr_languages import find_tessdata
from ingest.adapters.parser_process import ChildProcessParser, OcrLimits
from ingest.adapters.parsers.job import WALL_SECONDS
from ingest.config import MIB
from ingest.errors import Unreadable

PDF, TEXT = "application/pdf", "text/plain"
# As small as PDFium and Python can be, so that bombs go off early.
MEMORY = 400 * MIB
SECONDS = 4
# What the worker itself may grow by, whatever it is given to read.
GROWTH_KIB = 64 * 1024


@pytest.fixture
def parser() -> ChildProcessParser:
    return ChildProcessParser(
        seconds=SECONDS, memory_bytes=MEMORY, max_pages=50, ocr=OcrLimits(tessdata=find_tessdata(), max_pages=3)
    )


@pytest.fixture
def read(parser: ChildProcessParser, tmp_path: Path):
    async def all_pages(content: bytes, media_type: str = PDF) -> list[tuple[int, int, str]]:
        path = tmp_path / "original"
        path.write_bytes(content)
        return [(page.number, page.total, page.text) async for page in parser.pages(path, media_type)]

    return all_pages


def children() -> set[int]:
    """Processes that this one started and that still are."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "status").read_text()
            except OSError:
                continue
            if f"\nPPid:\t{os.getpid()}\n" in status:
                found.add(int(entry.name))
    return found


@contextmanager
def peak_of_others(known: set[int]) -> Iterator[list[int]]:
    """The most memory in KiB that any new child had, as it is seen every few milliseconds.

    Not the kernel's sum over all children: a child begins as a copy of this process and is counted with its size.
    """
    peaks, stop = [0], threading.Event()
    own = Path("/proc/self/cmdline").read_bytes()

    def watch() -> None:
        while not stop.wait(0.005):
            for pid in children() - known:
                try:
                    status, command = (Path(f"/proc/{pid}/{name}").read_bytes() for name in ("status", "cmdline"))
                except OSError:
                    continue
                found = re.search(rb"VmHWM:\s+(\d+) kB", status)
                if found and command != own:
                    peaks.append(int(found[1]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield peaks
    stop.set()
    watcher.join()


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_korean_pdf_comes_back_page_by_page(read) -> None:
    pages = await read(documents.korean_pdf(3, seed=6))

    assert [(number, total) for number, total, _ in pages] == [(1, 3), (2, 3), (3, 3)]
    assert all(documents.page_fact(n, seed=6).sentence in " ".join(text.split()) for n, _, text in pages)


async def test_control_characters_of_a_font_do_not_come_through(read) -> None:
    ((_, _, text),) = await read(documents.control_character_pdf())

    assert text.strip().endswith(documents.HELLO)
    assert "\x00" not in text
    text.encode()


@pytest.mark.parametrize(
    ("content", "media_type", "reason"),
    [
        (documents.encrypted_pdf(), PDF, "pdf_encrypted"),
        (documents.truncated_pdf(), PDF, "pdf_damaged"),
        (documents.pdf_header_only(), PDF, "pdf_damaged"),
        (documents.pdf_with_zero_pages(), PDF, "pdf_damaged"),
        (documents.png_bytes(), PDF, "pdf_damaged"),
        (documents.cyclic_page_tree_pdf(), PDF, "pdf_damaged"),
        (documents.page_bomb_pdf(), PDF, "too_many_pages"),
        (b"a" * 3000 * 51, TEXT, "too_many_pages"),
        (documents.pdf_without_text(), PDF, "no_text"),
        (documents.blank_text(), TEXT, "no_text"),
        ("\ufeff".encode("utf-16"), TEXT, "no_text"),
        ("— * — · …\n\u200b\u2060\u00ad\n".encode(), TEXT, "no_text"),
        (documents.broken_utf8(), TEXT, "text_undecodable"),
    ],
    ids=[
        *("encrypted", "truncated", "header only", "zero pages", "a picture", "cycle", "page bomb", "long text"),
        *("a scan", "blank", "a mark alone", "signs alone", "broken bytes"),
    ],
)
async def test_what_cannot_be_read_says_why(read, content, media_type, reason) -> None:
    with pytest.raises(Unreadable) as refusal:
        await read(content, media_type)

    assert refusal.value.code == reason


@pytest.mark.parametrize(
    "make",
    [documents.deep_nesting_pdf, documents.huge_page_pdf, documents.false_count_pdf],
    ids=["nested arrays", "a page of 3.5 km", "a false count"],
)
async def test_odd_files_that_are_readable_are_read(read, make) -> None:
    ((_, _, text),) = await read(make())

    assert text.strip() == documents.HELLO


@pytest.mark.parametrize(
    ("make", "reasons"),
    [
        (documents.inflation_bomb_pdf, {"parse_limit", "no_text", "pdf_damaged"}),
        (documents.form_bomb_pdf, {"parse_limit"}),
        (documents.deep_page_tree_pdf, {"parse_limit", "pdf_damaged"}),
        (lambda: documents.deep_nesting_pdf(140_000), {"parse_limit", "pdf_damaged", None}),
    ],
    ids=["inflation", "forms", "deep tree", "deeper arrays"],
)
async def test_a_bomb_ends_its_child_and_the_worker_goes_on(read, make, reasons) -> None:
    content = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    running = children()
    started = time.monotonic()
    reason = None
    with peak_of_others(running) as peaks:
        try:
            await read(content)
        except Unreadable as refusal:
            reason = refusal.code

    assert reason in reasons
    assert time.monotonic() - started < WALL_SECONDS * SECONDS + 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KIB
    assert 0 < max(peaks) <= 2 * MEMORY // 1024
    assert children() <= running


async def test_pages_of_a_scan_come_one_by_one_and_have_time_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(pictures.scan_pdf(2))
    # Less than Python, PDFium and Tesseract need for two pages.
    parser = ChildProcessParser(
        seconds=2, memory_bytes=MEMORY, max_pages=50, ocr=OcrLimits(tessdata=find_tessdata(), seconds=40, max_pages=2)
    )
    seen = [(page.number, children()) async for page in parser.pages(path, PDF)]

    assert [number for number, _ in seen] == [1, 2]
    # The child was still at work when the first page came.
    assert seen[0][1]


async def test_scans_beyond_the_limit_are_refused_with_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(pictures.scan_pdf(2))
    ocr = OcrLimits(tessdata=find_tessdata(), max_pages=1)
    parser = ChildProcessParser(seconds=20, memory_bytes=MEMORY, max_pages=50, ocr=ocr)
    with pytest.raises(Unreadable) as refusal:
        async for _ in parser.pages(path, PDF):
            pass

    assert (refusal.value.code, refusal.value.values) == ("too_many_scans", {"limit": 1})


async def test_what_takes_long_makes_way(tmp_path: Path) -> None:
    """Two files that hang hold up nobody for as long as they hang."""
    stuck, quick = tmp_path / "stuck", tmp_path / "quick"
    os.mkfifo(stuck)
    quick.write_bytes(documents.korean_text())
    parser = ChildProcessParser(seconds=60, memory_bytes=MEMORY, max_pages=50)
    hanging = [asyncio.create_task(anext(parser.pages(stuck, TEXT))) for _ in range(2)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        pages = [page async for page in parser.pages(quick, TEXT)]
    for task in hanging:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)

    assert pages


async def test_too_many_pages_are_refused_before_the_first_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(b"word " * 40_000)
    parser = ChildProcessParser(seconds=SECONDS, memory_bytes=MEMORY, max_pages=10)
    with pytest.raises(Unreadable) as refusal:
        await anext(parser.pages(path, TEXT))

    assert (refusal.value.code, refusal.value.values) == ("too_many_pages", {"limit": 10})


async def test_too_much_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(b"word " * 1_000_001)
    parser = ChildProcessParser(seconds=60, memory_bytes=MEMORY, max_pages=10_000)
    with pytest.raises(Unreadable) as refusal:
        async for _ in parser.pages(path, TEXT):
            pass

    assert refusal.value.code == "text_too_long"


async def test_whoever_stops_reading_leaves_no_child(parser: ChildProcessParser, tmp_path: Path) -> None:
    path = tmp_path / "original"
    path.write_bytes(documents.korean_text(pages=40))
    running = children()
    reading = asyncio.Event()

    async def first_page() -> None:
        async for _ in parser.pages(path, TEXT):
            reading.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(first_page())
    await reading.wait()
    assert children() - running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(250):
        if children() <= running:
            break
        await asyncio.sleep(0.02)

    assert children() <= running


async def test_the_child_sees_no_secret_of_the_worker(
    parser: ChildProcessParser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    # A pipe that nobody writes to: the child waits at it for as long as it is looked at.
    path = tmp_path / "original"
    os.mkfifo(path)
    running = children()
    reading = asyncio.create_task(anext(parser.pages(path, TEXT)))
    environment, deadline = b"", time.monotonic() + SECONDS
    while b"PYTHONPATH=" not in environment and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
        environment = b"".join(environment_of(child) for child in children() - running)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert b"PYTHONPATH=" in environment
    assert b"secret" not in environment

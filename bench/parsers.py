"""How fast each format is read, and what its library costs at the start of a child: `python bench/parsers.py`."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

sys.path.insert(0, "tests/documents")

import growfit_documents as documents
from growfit_documents import hangul, office
from growfit_documents.hangul import HangulParagraph

from ingest.adapters.parser_child import READERS
from ingest.adapters.parser_process import ChildProcessParser

LIBRARIES = ("pypdfium2", "docx", "pptx", "openpyxl", "selectolax.lexbor", "markdown_it", "olefile", "lxml.etree")
PARAGRAPHS = [text for page in range(1, 301) for text in documents.korean_page(page).paragraphs]


def html() -> bytes:
    return "".join(f"<h2>{number}</h2><p>{text}</p>" for number, text in enumerate(PARAGRAPHS)).encode()


def rows() -> list[tuple[str, int, float, str]]:
    return [(f"학생 {number}", number, number / 7, "비고가 있는 칸") for number in range(20_000)]


CASES: dict[str, Callable[[], bytes]] = {
    "application/pdf": lambda: documents.korean_pdf(300),
    "text/plain": lambda: documents.korean_text(pages=3000),
    "text/markdown": lambda: documents.korean_markdown(sections=1000),
    "text/csv": lambda: "\n".join(",".join(map(str, row)) for row in rows() * 3).encode("cp949"),
    "text/html": lambda: html() * 3,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": lambda: office.docx(300),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": lambda: office.pptx(150),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": lambda: office.xlsx_of(rows()),
    "application/x-hwp": lambda: hangul.hwp([HangulParagraph(text) for text in PARAGRAPHS]),
    "application/hwp+zip": lambda: hangul.hwpx([HangulParagraph(text) for text in PARAGRAPHS]),
}


def main() -> None:
    for name in LIBRARIES:
        code = f"import time; at = time.perf_counter(); import {name}; print(time.perf_counter() - at)"
        took = min(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3))
        print(f"import {name:20} {took * 1000:6.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "original"
        for media_type, make in CASES.items():
            path.write_bytes(make())
            show(path, media_type)


def show(path: Path, media_type: str) -> None:
    reader = import_module(f"ingest.adapters.parsers.{READERS[media_type]}").pages
    started = time.process_time()
    pages = list(reader(path))
    took = time.process_time() - started
    characters = sum(len(page.text) for page in pages)
    started = time.perf_counter()
    asyncio.run(in_child(path, media_type))
    in_child_took = time.perf_counter() - started
    print(
        f"{READERS[media_type]:10} {path.stat().st_size / 1e6:6.2f} MB {len(pages):6} pages {took:6.2f} s"
        f" {len(pages) / took:8.0f} pages/s {characters / took / 1e6:6.2f} M characters/s"
        f"  in the child {in_child_took:5.2f} s"
    )


async def in_child(path: Path, media_type: str) -> None:
    parser = ChildProcessParser(seconds=120, memory_bytes=1024**3, max_pages=10_000)
    async for _ in parser.pages(path, media_type):
        pass


if __name__ == "__main__":
    main()

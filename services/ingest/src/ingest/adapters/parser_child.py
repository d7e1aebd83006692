"""The child that reads one file: `python -m ingest.adapters.parser_child PATH TYPE MEMORY SECONDS`.

Writes one JSON line a page: {"page", "total", "text"}, or {"error": <reason code>} and nothing after it.
Imports little, because it starts anew for every document.
"""

import json
import os
import resource
import sys
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

# PDFium recovers what it can from half a file; a file without its end mark is refused instead.
_END_MARK = b"%%EOF"
_TAIL_BYTES = 65_536
_TEXT_PAGE_CHARACTERS = 3000
# Some 2,500 full pages. The worker holds a document's chunks, vectors and terms at once: about 35 bytes a character.
_MAX_CHARACTERS = 5_000_000
# FPDF_ERR_PASSWORD of fpdfview.h.
_PASSWORD_ERROR = 4


class Refused(Exception):
    """Its text is the reason's code."""


def main() -> None:
    path, media_type = Path(sys.argv[1]), sys.argv[2]
    memory_bytes, seconds = int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pages = pdf_pages(path) if media_type == "application/pdf" else text_pages(path)
        written = 0
        for number, total, text in pages:
            line = json.dumps({"page": number, "total": total, "text": clean(text)}, ensure_ascii=False) + "\n"
            written += len(text)
            if written > _MAX_CHARACTERS:
                raise Refused("text_too_long")
            sys.stdout.write(line)
    except Refused as refusal:
        sys.stdout.write(json.dumps({"error": str(refusal)}) + "\n")
    except MemoryError:
        os._exit(1)
    sys.stdout.flush()
    # PDFium's own clean-up of a damaged file is where it crashes; the process ends anyway.
    os._exit(0)


def pdf_pages(path: Path) -> Iterator[tuple[int, int, str]]:
    import pypdfium2  # noqa: PLC0415  text files do not need it

    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        if _END_MARK not in file.read():
            raise Refused("pdf_damaged")
    try:
        document: Any = pypdfium2.PdfDocument(path)  # type: ignore[no-untyped-call]
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        raise Refused("pdf_encrypted" if code == _PASSWORD_ERROR else "pdf_damaged") from error
    total = len(document)
    if total == 0:
        raise Refused("pdf_damaged")
    for index in range(total):
        try:
            page = document[index]
            text = page.get_textpage().get_text_bounded()
        except pypdfium2.PdfiumError as error:
            raise Refused("pdf_damaged") from error
        yield index + 1, total, text
        page.close()


def text_pages(path: Path) -> Iterator[tuple[int, int, str]]:
    """Plain text has no pages; it is cut near every 3,000 characters, at a paragraph or line where there is one."""
    text = decode(path.read_bytes())
    cuts = [0]
    while cuts[-1] < len(text):
        cuts.append(_page_end(text, cuts[-1]))
    for number, (start, end) in enumerate(pairwise(cuts), start=1):
        yield number, len(cuts) - 1, text[start:end]


def _page_end(text: str, start: int) -> int:
    end = start + _TEXT_PAGE_CHARACTERS
    if end >= len(text):
        return len(text)
    half = start + _TEXT_PAGE_CHARACTERS // 2
    return next((at for mark in ("\n\n", "\n", " ") if (at := text.rfind(mark, half, end)) > half), end)


def decode(raw: bytes) -> str:
    encodings = ["utf-16"] if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "cp949"]
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused("text_undecodable")


def clean(text: str) -> str:
    """One form for every source: NFC, line feeds, no control or non-characters. Offsets count in this text."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00ad", "").replace("\ufffe", "")
    kept = "".join(c for c in text if c in "\n\t" or (unicodedata.category(c) not in {"Cc", "Cs", "Cn"}))
    return unicodedata.normalize("NFC", kept)


if __name__ == "__main__":
    main()

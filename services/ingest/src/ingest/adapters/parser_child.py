"""The child that reads one file: `python -m ingest.adapters.parser_child PATH TYPE MEMORY SECONDS`.

Writes one JSON line a page: {"page", "total", "text", "blocks": [[kind, start, end, level], …]}, or {"error": <reason
code>} and nothing after it. Imports little, because it starts anew for every document.
"""

import json
import os
import resource
import sys
from importlib import import_module
from pathlib import Path

from ingest.adapters.parsers.page import Page, PageReader, Refused

# Some 2,500 full pages. The worker holds a document's chunks, vectors and terms at once: about 35 bytes a character.
_MAX_CHARACTERS = 5_000_000

# Media type → the module of `ingest.adapters.parsers` whose `pages` reads it.
READERS = {
    "application/pdf": "pdf",
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/csv": "delimited",
    "text/html": "html",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/x-hwp": "hwp",
    "application/hwp+zip": "hwpx",
}


def main() -> None:
    path, media_type = Path(sys.argv[1]), sys.argv[2]
    memory_bytes, seconds = int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        written = 0
        for page in reader(media_type)(path):
            written += len(page.text)
            if written > _MAX_CHARACTERS:
                raise Refused("text_too_long")
            sys.stdout.write(line(page))
    except Refused as refusal:
        sys.stdout.write(json.dumps({"error": str(refusal)}) + "\n")
    except MemoryError:
        os._exit(1)
    sys.stdout.flush()
    # PDFium's own clean-up of a damaged file is where it crashes; the process ends anyway.
    os._exit(0)


def reader(media_type: str) -> PageReader:
    pages: PageReader = import_module(f"ingest.adapters.parsers.{READERS[media_type]}").pages
    return pages


def line(page: Page) -> str:
    blocks = [[each.kind, each.start, each.end, each.level] for each in page.blocks]
    record = {"page": page.number, "total": page.total, "text": page.text, "blocks": blocks}
    return json.dumps(record, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()

"""The child that reads one file: `python -m ingest.adapters.parser_child JOB`, a `Job` as JSON.

Writes JSON lines: {"walls"} once, then {"page", "total", "text", "blocks": [[kind, start, end, level], …]} a page,
{"ocr": number} before a page that is read from its picture, or {"error": <reason code>} and nothing after it.
Imports little, because it starts anew for every document.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TextIO

from ingest.adapters import sandbox
from ingest.adapters.parsers.job import Job, current
from ingest.adapters.parsers.page import Page, PageReader, Refused

# Some 2,500 full pages. The worker holds a document's chunks, vectors and terms at once: about 35 bytes a character.
MAX_CHARACTERS = 5_000_000

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
    "image/png": "image",
    "image/jpeg": "image",
    "image/webp": "image",
    "image/tiff": "image",
}


def main() -> None:
    job = Job.read(sys.argv[1])
    out = _own_output()
    sandbox.limit(memory_bytes=job.memory_bytes, seconds=job.seconds, most_seconds=job.most_seconds)
    walls = sandbox.lock([Path(job.path), *([Path(job.tessdata)] if job.tessdata else [])])
    _say(out, walls=walls)
    current.set(job, before_ocr=lambda number: _before_ocr(out, job, number))
    try:
        _write_pages(out, job)
    except Refused as refusal:
        _say(out, error=str(refusal))
    except MemoryError:
        os._exit(1)
    except Exception:  # noqa: BLE001  whatever a parser stumbles over, it is the file that is at fault
        _say(out, error="file_damaged")
    out.flush()
    # PDFium's own clean-up of a damaged file is where it crashes; the process ends anyway.
    os._exit(0)


def _own_output() -> TextIO:
    """The pipe to the worker, for this module alone: what a library prints goes nowhere."""
    pipe = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return open(pipe, "w", encoding="utf-8", newline="\n")  # noqa: PTH123  a descriptor, open to the end


def _write_pages(out: TextIO, job: Job) -> None:
    written = 0
    for page in reader(job.media_type)(Path(job.path)):
        written += len(page.text)
        if written > MAX_CHARACTERS:
            raise Refused("text_too_long")
        out.write(line(page))
        if current.is_slow:
            out.flush()


def _before_ocr(out: TextIO, job: Job, number: int) -> None:
    sandbox.extend(job.ocr_seconds)
    _say(out, ocr=number)
    out.flush()


def _say(out: TextIO, **record: object) -> None:
    out.write(json.dumps(record) + "\n")


def reader(media_type: str) -> PageReader:
    pages: PageReader = import_module(f"ingest.adapters.parsers.{READERS[media_type]}").pages
    return pages


def line(page: Page) -> str:
    blocks = [[each.kind, each.start, each.end, each.level] for each in page.blocks]
    record = {"page": page.number, "total": page.total, "text": page.text, "blocks": blocks}
    return json.dumps(record, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()

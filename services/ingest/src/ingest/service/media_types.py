"""What a file is, from its first bytes; the name may only agree."""

import codecs
from collections.abc import Collection
from pathlib import PurePath

from ingest.errors import TYPE_MISMATCH, TYPE_UNSUPPORTED, UPLOADS_CLOSED, WrongType

PDF = "application/pdf"
TEXT = "text/plain"
MARKDOWN = "text/markdown"

# Enough to find a PDF's header, which the specification allows to come late, and to judge text by.
SAMPLE_BYTES = 8192
_EXTENSIONS = {".pdf": PDF, ".txt": TEXT, ".text": TEXT, ".md": MARKDOWN, ".markdown": MARKDOWN}
_NAMES = {PDF: "PDF", TEXT: "TXT", MARKDOWN: "Markdown"}
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Control characters that no text has, but binary files and UTF-16 without a mark do.
_BINARY = bytes(set(range(32)) - {9, 10, 12, 13, 27})
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"{\\rtf")


def decide(sample: bytes, file_name: str, *, allowed: Collection[str]) -> str:
    """The media type of content that begins with `sample`.

    Raises:
        WrongType: no type that is allowed, or not the one that the extension says.
    """
    extension = PurePath(file_name).suffix.lower()
    found = _sniff(sample)
    if found is None or (extension and extension not in _EXTENSIONS):
        raise _unsupported(allowed)
    named = _EXTENSIONS.get(extension, found)
    if (named == PDF) != (found == PDF):
        raise WrongType(TYPE_MISMATCH, extension=extension, found=_NAMES[found])
    if named not in allowed:
        raise _unsupported(allowed)
    return named


def _unsupported(allowed: Collection[str]) -> WrongType:
    endings = {kind: [end for end, named in _EXTENSIONS.items() if named == kind] for kind in _NAMES if kind in allowed}
    if not endings:
        return WrongType(UPLOADS_CLOSED, accepted=[])
    types = ", ".join(f"{_NAMES[kind]} ({', '.join(own)})" for kind, own in endings.items())
    return WrongType(TYPE_UNSUPPORTED, types=types, accepted=sorted(end for own in endings.values() for end in own))


def _sniff(sample: bytes) -> str | None:
    if b"%PDF-" in sample[:1024]:
        return PDF
    if sample.startswith(_UTF16_MARKS):
        return TEXT
    sample = sample.removeprefix(codecs.BOM_UTF8)
    if sample.translate(None, _BINARY) != sample or sample.lstrip().lower().startswith(_MARKUP):
        return None
    return TEXT

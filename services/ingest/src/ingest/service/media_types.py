"""What a file is, from its first bytes; the name may only agree."""

import codecs
from pathlib import PurePath

from ingest.errors import TYPE_MISMATCH, TYPE_UNSUPPORTED, WrongType

PDF = "application/pdf"
TEXT = "text/plain"
MARKDOWN = "text/markdown"

# Enough to find a PDF's header, which the specification allows to come late, and to judge text by.
SAMPLE_BYTES = 8192
_EXTENSIONS = {".pdf": PDF, ".txt": TEXT, ".text": TEXT, ".md": MARKDOWN, ".markdown": MARKDOWN}
_NAMES = {PDF: "PDF", TEXT: "TXT"}
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Control characters that no text has, but binary files and UTF-16 without a mark do.
_BINARY = bytes(set(range(32)) - {9, 10, 12, 13, 27})
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"{\\rtf")


def decide(sample: bytes, file_name: str) -> str:
    """The media type of content that begins with `sample`.

    Raises:
        WrongType: no accepted type, or not the one that the extension says.
    """
    extension = PurePath(file_name).suffix.lower()
    if extension and extension not in _EXTENSIONS:
        raise WrongType(TYPE_UNSUPPORTED, accepted=sorted(_EXTENSIONS))
    found = _sniff(sample)
    if found is None:
        raise WrongType(TYPE_UNSUPPORTED, accepted=sorted(_EXTENSIONS))
    named = _EXTENSIONS.get(extension, found)
    if (named == PDF) != (found == PDF):
        raise WrongType(TYPE_MISMATCH, extension=extension, found=_NAMES[found])
    return named


def _sniff(sample: bytes) -> str | None:
    if b"%PDF-" in sample[:1024]:
        return PDF
    if sample.startswith(_UTF16_MARKS):
        return TEXT
    sample = sample.removeprefix(codecs.BOM_UTF8)
    if sample.translate(None, _BINARY) != sample or sample.lstrip().lower().startswith(_MARKUP):
        return None
    return TEXT

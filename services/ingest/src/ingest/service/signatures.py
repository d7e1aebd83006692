"""What the first bytes of a file say that it is. Containers say no more than that they are one."""

import codecs
from enum import StrEnum


class Content(StrEnum):
    """What can be told from the first bytes alone; the names are those that people see."""

    PDF = "PDF"
    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WebP"
    TIFF = "TIFF"
    ZIP = "ZIP"
    OLE = "OLE"
    HTML = "HTML"
    TEXT = "TXT"


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", Content.PNG),
    (b"\xff\xd8\xff", Content.JPEG),
    (b"II*\x00", Content.TIFF),
    (b"MM\x00*", Content.TIFF),
    (b"II+\x00", Content.TIFF),
    (b"MM\x00+", Content.TIFF),
    (b"PK\x03\x04", Content.ZIP),
    (b"PK\x05\x06", Content.ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Content.OLE),
)
# Known, and not taken. Some of them can be written in letters alone and would pass as text.
_FOREIGN = (b"GIF87a", b"GIF89a", b"\x7fELF", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"{\\rtf", b"%!PS")
_PDF_MARK = b"%PDF-"
# The PDF specification lets readers accept so much before the mark.
_PDF_WITHIN = 1024
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Control characters that no text has, but binary files and UTF-16 without a mark do.
_BINARY = bytes(set(range(32)) - {9, 10, 12, 13, 27})
_HTML = (b"<!doctype html", b"<html")
_MARKUP = (b"<!doctype", b"<?xml", b"<svg")


def recognise(sample: bytes) -> Content | None:
    """What begins with `sample`; None for what is not known, not taken, or two things at once."""
    if sample.startswith(b"RIFF") and sample[8:12] == b"WEBP":
        return Content.WEBP
    for signature, content in _SIGNATURES:
        if sample.startswith(signature):
            # One file of two types: each program would see another document in it.
            return None if _PDF_MARK in sample[:_PDF_WITHIN] else content
    if sample.startswith(_FOREIGN):
        return None
    if _PDF_MARK in sample[:_PDF_WITHIN]:
        before = sample[: sample.index(_PDF_MARK)]
        return None if b"<" in before else Content.PDF
    return _text(sample)


def _text(sample: bytes) -> Content | None:
    if sample.startswith(_UTF16_MARKS):
        return Content.TEXT
    sample = sample.removeprefix(codecs.BOM_UTF8)
    if sample.translate(None, _BINARY) != sample:
        return None
    begins = sample.lstrip().lower()
    if begins.startswith(_HTML) or (begins.startswith((b"<?xml", b"<!--")) and b"<html" in begins):
        return Content.HTML
    return None if begins.startswith(_MARKUP) else Content.TEXT

"""Everything that is a ZIP: DOCX, PPTX, XLSX and HWPX are opened here, after a look at all that is in them.

The look and the parsers use one reader, Python's zipfile, so that nothing is one thing here and another there. It never
gives out more of an entry than the entry declares; what it gives out is counted all the same, against the file's size.
"""

import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from ingest.adapters.parsers.damage import damage_is_refused
from ingest.adapters.parsers.markup import check_prolog
from ingest.adapters.parsers.media import media_type_of
from ingest.adapters.parsers.page import Refused

MIB = 1024**2
_CHUNK = 256 * 1024
# 2,000 entries with names of usual length need a fifth of this; zipfile reads all of it before anything can be asked.
_DIRECTORY_BYTES = MIB
_END = struct.Struct("<4s4H2LH")
_END_MARK, _ZIP64_MARK = b"PK\x05\x06", b"PK\x06\x07"
_LONGEST_COMMENT, _ZIP64_LOCATOR = 65_535, 20
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IS_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What is not worth a ratio: a few repeated lines.
_SMALL_ENTRY = MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """`ratio`: of what comes out to what is stored; of the whole file, and of each entry that is not small."""

    entries: int = 2000
    total_bytes: int = 100 * MIB
    ratio: int = 100


LIMITS = Limits()


@contextmanager
def opened(path: Path, media_type: str, *, limits: Limits = LIMITS) -> Iterator[ZipFile]:
    """The archive, when it is a harmless one of this type. Nested archives are bytes like others: nobody opens them.

    Raises Refused: file_damaged, file_encrypted, archive_unsafe, archive_too_large, macros_refused, xml_unsafe,
    file_not_what_it_says.
    """
    with damage_is_refused(), _directory(path) as archive:
        entries = archive.infolist()
        if len(entries) > limits.entries:
            raise Refused("archive_too_large")
        _check_entries(entries, limits)
        _check_contents(archive, entries, limits, stored=path.stat().st_size)
        if media_type_of(archive) != media_type:
            raise Refused("file_not_what_it_says")
        yield archive


def check(path: Path, media_type: str, *, limits: Limits = LIMITS) -> None:
    """For parsers that open the file themselves. Raises what `opened` raises."""
    with opened(path, media_type, limits=limits):
        pass


def zip_media_type(path: Path) -> str | None:
    """DOCX, PPTX, XLSX or HWPX by the parts in the file; None for all else. Reads the directory and two parts."""
    try:
        with damage_is_refused(), _directory(path) as archive:
            return media_type_of(archive)
    except Refused:
        return None


@contextmanager
def _directory(path: Path) -> Iterator[ZipFile]:
    with path.open("rb") as file:
        head = file.read(len(_OLE_MARK))
    if head == _OLE_MARK:
        raise Refused(_reason_of_ole(path))
    if not head.startswith(b"PK"):
        raise Refused("file_not_what_it_says")
    if _directory_bytes(path) > _DIRECTORY_BYTES:
        raise Refused("archive_too_large")
    with ZipFile(path) as archive:
        yield archive


def _reason_of_ole(path: Path) -> str:
    """Office wraps a document that has a password in an OLE file; without it, the file is an old .doc, .ppt or .xls."""
    import olefile  # noqa: PLC0415  only for files that are refused

    with olefile.OleFileIO(path) as ole:
        return "file_encrypted" if ole.exists("EncryptedPackage") else "file_not_what_it_says"


def _directory_bytes(path: Path) -> int:
    """How long the list of entries is, by the record at the file's end. A ZIP64 list is too long for any document."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _LONGEST_COMMENT - _END.size - _ZIP64_LOCATOR))
        tail = file.read()
    at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) - at < _END.size:
        raise Refused("file_damaged")
    if tail[max(0, at - _ZIP64_LOCATOR) : at].startswith(_ZIP64_MARK):
        raise Refused("archive_too_large")
    directory_bytes: int = _END.unpack_from(tail, at)[5]
    return directory_bytes


def _check_entries(entries: list[ZipInfo], limits: Limits) -> None:
    if any(entry.flag_bits & _IS_ENCRYPTED for entry in entries):
        raise Refused("file_encrypted")
    if len({entry.filename.lower() for entry in entries}) < len(entries) or not all(map(_is_harmless, entries)):
        raise Refused("archive_unsafe")
    if sum(entry.file_size for entry in entries) > limits.total_bytes:
        raise Refused("archive_too_large")
    if any(map(_is_macro, entries)):
        raise Refused("macros_refused")


def _is_harmless(entry: ZipInfo) -> bool:
    # `orig_filename` is what the file says; `filename` is cut at a NUL already.
    name = entry.orig_filename.replace("\\", "/")
    is_plain = name.isprintable() and not name.startswith("/") and ":" not in name and ".." not in name.split("/")
    mode = entry.external_attr >> 16
    return is_plain and not stat.S_ISLNK(mode) and entry.compress_type in _METHODS


def _is_macro(entry: ZipInfo) -> bool:
    name = entry.filename.lower()
    return name.endswith(("vbaproject.bin", "vbadata.xml")) or "/macrosheets/" in name


def _check_contents(archive: ZipFile, entries: list[ZipInfo], limits: Limits, *, stored: int) -> None:
    """Inflates everything once. What is declared may be a lie; what comes out is not."""
    total = 0
    for entry in entries:
        own = 0
        with archive.open(entry) as file:
            for chunk in check_prolog(entry.filename, iter(lambda: file.read(_CHUNK), b"")):
                own += len(chunk)
                is_swollen = own > _SMALL_ENTRY and own > limits.ratio * max(entry.compress_size, 1)
                if is_swollen or total + own > min(limits.total_bytes, limits.ratio * stored):
                    raise Refused("archive_too_large")
        total += own

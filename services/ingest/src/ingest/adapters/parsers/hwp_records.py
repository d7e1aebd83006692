"""The storage of HWP 5: an OLE file whose streams are deflated runs of records, nested by the level that each states.

After Hancom's published «Hangul document file format 5.0», revision 1.3.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.adapters.parsers.page import Refused

SIGNATURE = b"HWP Document File"
_FLAGS_AT = 36
# Bits of the file header: how it is stored, and what keeps others from reading it.
_COMPRESSED, _PASSWORD, _DISTRIBUTION, _DRM, _CERTIFICATE, _CERTIFICATE_DRM = 0x1, 0x2, 0x4, 0x10, 0x100, 0x400
_SECTION = re.compile(r"Section(\d+)")
_LONG_SIZE = 0xFFF
_MAX_DEPTH = 200


@dataclass(slots=True)
class Record:
    tag: int
    payload: bytes
    children: list["Record"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of all streams together, inflated."""

    total_bytes: int = 100 * 1024**2


LIMITS = Limits()


class HwpFile:
    """Raises Refused: file_not_what_it_says, file_encrypted, hwp_distribution, archive_too_large, file_damaged."""

    def __init__(self, path: Path, *, limits: Limits = LIMITS) -> None:
        import olefile  # noqa: PLC0415  other formats do not need it

        if not olefile.isOleFile(str(path)):
            raise Refused("file_not_what_it_says")
        self._ole: Any = olefile.OleFileIO(str(path))
        self._left = limits.total_bytes
        if not self._ole.exists("FileHeader"):
            raise Refused("file_encrypted" if self._ole.exists("EncryptedPackage") else "file_not_what_it_says")
        self._flags = _flags(self._ole.openstream("FileHeader").read(_FLAGS_AT + 4))

    def document_info(self) -> list[Record]:
        return _tree(self._stream("DocInfo"))

    def sections(self) -> Iterator[list[Record]]:
        """The records of each section's top level, in order."""
        found = [
            (int(match[1]), name)
            for name in self._ole.listdir()
            if name[0] == "BodyText" and (match := _SECTION.fullmatch(name[-1]))
        ]
        if not found:
            raise Refused("file_damaged")
        for _, name in sorted(found):
            yield _tree(self._stream(name))

    def close(self) -> None:
        self._ole.close()

    def _stream(self, name: str | list[str]) -> bytes:
        content: bytes = self._ole.openstream(name).read()
        if self._flags & _COMPRESSED:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise Refused("archive_too_large")
        return content


def _flags(header: bytes) -> int:
    if not header.startswith(SIGNATURE):
        raise Refused("file_not_what_it_says")
    flags = int.from_bytes(header[_FLAGS_AT : _FLAGS_AT + 4], "little")
    if flags & (_PASSWORD | _DRM | _CERTIFICATE | _CERTIFICATE_DRM):
        raise Refused("file_encrypted")
    if flags & _DISTRIBUTION:
        raise Refused("hwp_distribution")
    return flags


def _tree(content: bytes) -> list[Record]:
    """Records by what they stand in. Raises Refused("file_damaged") when one runs over the end."""
    root = Record(0, b"")
    open_records = [root]
    for tag, level, payload in _records(content):
        record = Record(tag, payload)
        del open_records[min(level, _MAX_DEPTH) + 1 :]
        open_records[-1].children.append(record)
        open_records.append(record)
    return root.children


def _records(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Tag, level and payload. A head has 10 bits of tag, 10 of level and 12 of size, or a size of its own behind it."""
    at = 0
    while at + 4 <= len(content):
        (head,) = struct.unpack_from("<I", content, at)
        at += 4
        size = head >> 20
        if size == _LONG_SIZE:
            (size,) = struct.unpack_from("<I", content, at)
            at += 4
        if at + size > len(content):
            raise Refused("file_damaged")
        yield head & 0x3FF, head >> 10 & 0x3FF, content[at : at + size]
        at += size

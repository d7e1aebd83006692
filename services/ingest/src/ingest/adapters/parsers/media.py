"""What kind of document an archive is, by its parts. The name of the file says nothing."""

from xml.etree import ElementTree as ET
from zipfile import ZipFile

from ingest.adapters.parsers.markup import check_prolog
from ingest.adapters.parsers.page import Refused

_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = f"{_OFFICE}wordprocessingml.document"
PPTX = f"{_OFFICE}presentationml.presentation"
XLSX = f"{_OFFICE}spreadsheetml.sheet"
HWPX = "application/hwp+zip"

# Content type of the main part → media type. One with macros is of the same kind, and refused for them.
_MAIN = {
    f"{DOCX}.main+xml": DOCX,
    "application/vnd.ms-word.document.macroenabled.main+xml": DOCX,
    f"{PPTX}.main+xml": PPTX,
    "application/vnd.ms-powerpoint.presentation.macroenabled.main+xml": PPTX,
    f"{XLSX}.main+xml": XLSX,
    "application/vnd.ms-excel.sheet.macroenabled.main+xml": XLSX,
}
_TYPES, _RELATIONS = "[Content_Types].xml", "_rels/.rels"
_MAIN_RELATION = "/officeDocument"
_HWPX_PACKAGE = "Contents/content.hpf"
_PART_BYTES = 1024**2


def media_type_of(archive: ZipFile) -> str | None:
    """DOCX, PPTX, XLSX, HWPX or None. Raises Refused, and whatever a damaged archive makes zipfile raise."""
    names = set(archive.namelist())
    if {"mimetype", _HWPX_PACKAGE} <= names:
        return HWPX if _part(archive, "mimetype").strip() == HWPX.encode() else None
    if not {_TYPES, _RELATIONS} <= names:
        return None
    main = _main_part(archive)
    types = ET.fromstring(_part(archive, _TYPES))  # noqa: S314  without a document type, as `_part` saw to
    for entry in types:
        if main is not None and entry.get("PartName", "").lower() == main.lower() and main.lstrip("/") in names:
            return _MAIN.get(entry.get("ContentType", "").lower())
    return None


def _main_part(archive: ZipFile) -> str | None:
    for relation in ET.fromstring(_part(archive, _RELATIONS)):  # noqa: S314  the same
        if relation.get("Type", "").endswith(_MAIN_RELATION):
            return "/" + relation.get("Target", "").lstrip("/")
    return None


def _part(archive: ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        content = file.read(_PART_BYTES + 1)
    if len(content) > _PART_BYTES:
        raise Refused("archive_too_large")
    return b"".join(check_prolog(name, [content]))

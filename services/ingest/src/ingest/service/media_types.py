"""What a file is: decided by its content, and the name must agree.

The first bytes tell at once; what a container (ZIP, OLE) holds is the name's word for it until the parser, which sees
the whole file, has looked: it refuses what is not what it says.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePath

from chassis.errors import Message
from ingest.errors import (
    MACRO_FILE,
    OLD_OFFICE_FORMAT,
    PROTECTED_OFFICE_FILE,
    TYPE_MISMATCH,
    TYPE_UNSUPPORTED,
    UPLOADS_CLOSED,
    WrongType,
)
from ingest.service.signatures import Content, recognise

# Enough to find a PDF's header, which the specification allows to come late, and to judge text by.
SAMPLE_BYTES = 8192
_OPENXML = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True)
class Kind:
    """A media type, what people call it, what its files begin as, and how they may be named."""

    media_type: str
    name: str
    content: Content
    extensions: tuple[str, ...]


KINDS = (
    Kind("application/pdf", "PDF", Content.PDF, (".pdf",)),
    Kind("text/plain", "TXT", Content.TEXT, (".txt", ".text")),
    Kind("text/markdown", "Markdown", Content.TEXT, (".md", ".markdown")),
    Kind("text/csv", "CSV", Content.TEXT, (".csv", ".tsv")),
    Kind("text/html", "HTML", Content.HTML, (".html", ".htm")),
    Kind(f"{_OPENXML}.wordprocessingml.document", "Word", Content.ZIP, (".docx",)),
    Kind(f"{_OPENXML}.presentationml.presentation", "PowerPoint", Content.ZIP, (".pptx",)),
    Kind(f"{_OPENXML}.spreadsheetml.sheet", "Excel", Content.ZIP, (".xlsx",)),
    Kind("application/x-hwp", "HWP", Content.OLE, (".hwp",)),
    Kind("application/hwp+zip", "HWPX", Content.ZIP, (".hwpx",)),
    Kind("image/png", "PNG", Content.PNG, (".png",)),
    Kind("image/jpeg", "JPEG", Content.JPEG, (".jpg", ".jpeg")),
    Kind("image/webp", "WebP", Content.WEBP, (".webp",)),
    Kind("image/tiff", "TIFF", Content.TIFF, (".tif", ".tiff")),
)
_BY_EXTENSION = {extension: kind for kind in KINDS for extension in kind.extensions}
_CONTAINERS = frozenset({Content.ZIP, Content.OLE})
_OLD = frozenset({".doc", ".dot", ".xls", ".xlt", ".ppt", ".pps", ".pot"})
_WITH_MACROS = frozenset({".docm", ".dotm", ".xlsm", ".xltm", ".xlam", ".xlsb", ".pptm", ".potm", ".ppsm", ".ppam"})
_HWP3 = b"HWP Document File V3"


def decide(sample: bytes, file_name: str, *, allowed: Collection[str]) -> str:
    """The media type of content that begins with `sample`.

    Raises:
        WrongType: no type that is allowed, or not the one that the extension says.
    """
    extension = PurePath(file_name).suffix.lower()
    content = recognise(sample)
    _refuse_relatives(sample, extension, content)
    kind = _BY_EXTENSION.get(extension) if extension else _without_extension(content)
    if kind is None or content is None:
        raise _unsupported(allowed)
    if not _agrees(kind, content):
        raise WrongType(TYPE_MISMATCH, extension=extension, found=_name_of(content))
    if kind.media_type not in allowed:
        raise _unsupported(allowed)
    return kind.media_type


def _refuse_relatives(sample: bytes, extension: str, content: Content | None) -> None:
    """Files of the same programs that are not taken, each with the format to save them in."""
    message: Message | None = None
    if extension in _WITH_MACROS:
        message = MACRO_FILE
    elif extension in _OLD or (extension == ".hwp" and sample.startswith(_HWP3)):
        message = OLD_OFFICE_FORMAT
    elif content == Content.OLE and extension in (".docx", ".pptx", ".xlsx"):
        message = PROTECTED_OFFICE_FILE
    if message is not None:
        raise WrongType(message, extension=extension)


def _without_extension(content: Content | None) -> Kind | None:
    """What a container holds cannot be told without a name."""
    if content is None or content in _CONTAINERS:
        return None
    return next(kind for kind in KINDS if kind.content == content)


def _agrees(kind: Kind, content: Content) -> bool:
    # A fragment of HTML begins like any text.
    return content == kind.content or (kind.content == Content.HTML and content == Content.TEXT)


def _name_of(content: Content) -> str:
    names = [kind.name for kind in KINDS if kind.content == content]
    return "/".join(names) if content == Content.ZIP else names[0]


def _unsupported(allowed: Collection[str]) -> WrongType:
    kinds = [kind for kind in KINDS if kind.media_type in allowed]
    if not kinds:
        return WrongType(UPLOADS_CLOSED, accepted=[])
    types = ", ".join(f"{kind.name} ({', '.join(kind.extensions)})" for kind in kinds)
    return WrongType(TYPE_UNSUPPORTED, types=types, accepted=sorted(end for kind in kinds for end in kind.extensions))

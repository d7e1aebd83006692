"""XML inside of archives: without a document type, and so without entities of its own, or not at all."""

import codecs
from collections.abc import Iterable, Iterator
from typing import Any
from xml.parsers import expat

from ingest.adapters.parsers.page import Refused

# "<?xml" as EBCDIC, which libxml2 would read and expat does not.
_EBCDIC = b"\x4c\x6f\xa7\x94"
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Pictures, which no parser here reads; drawing programs put a document type into them.
_PICTURES = (".svg",)


class _Rooted(Exception):
    """The first element has begun: a document type can no longer come."""


def check_prolog(name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks of one entry, unchanged.

    Raises Refused: xml_unsafe, and file_damaged for what begins as XML and is none.
    """
    parser = None if name.lower().endswith(_PICTURES) else _parser()
    start = b""
    for chunk in chunks:
        if parser is not None:
            start = start if _first_sign(start) else chunk
            parser = _fed(parser, chunk, start)
        yield chunk


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = _stop
    return parser


def _refuse(*_: Any) -> None:
    raise Refused("xml_unsafe")


def _stop(*_: Any) -> None:
    raise _Rooted


def _fed(parser: expat.XMLParserType, chunk: bytes, start: bytes) -> expat.XMLParserType | None:
    """The parser, as long as it has not seen the first element. `start`: the first bytes that are no white space."""
    try:
        parser.Parse(chunk)
    except _Rooted:
        return None
    except expat.ExpatError as error:
        if _first_sign(start) == b"<" or start.startswith(_EBCDIC):
            raise Refused("file_damaged") from error
        return None
    return parser


def _first_sign(start: bytes) -> bytes:
    for mark in _MARKS:
        start = start.removeprefix(mark)
    return start.replace(b"\x00", b"").lstrip()[:1]


def parse(content: bytes) -> Any:
    """The root element. Nothing is fetched or expanded, and libxml2's own bounds of depth and size hold."""
    from lxml import etree  # noqa: PLC0415  formats without XML do not need it

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(content, parser)

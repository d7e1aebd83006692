"""The encodings that Korean text files come in: UTF-8, UTF-16 with a mark and without, CP949 (with EUC-KR in it)."""

import codecs
import re

from ingest.adapters.parsers.page import Refused

_SAMPLE = 65_536
# Of the characters of a UTF-16 file that has no mark: this share is of a writing that such a file can be in.
_PLAUSIBLE = 0.9
# Hangul, its letters, CJK ideographs and punctuation, full-width forms, ASCII, general punctuation.
_KOREAN = re.compile(
    r"[\t\n\r\x20-\x7e\u00a0-\u00ff\u2000-\u22ff\u2460-\u25ff\u3000-\u318f\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e]"
)
# A pair of bytes of CP949, and one of the part that CP949 adds to EUC-KR: rare syllables such as 뷁.
_PAIR = re.compile(rb"[\x81-\xfe][\x41-\xfe]")
_ADDED_PAIR = re.compile(rb"[\x81-\xa0].|.[\x41-\xa0]", re.DOTALL)
_RARE = 0.2


def decode(raw: bytes, *, declared: str | None = None) -> str:
    """`declared`: what the file itself says, as HTML can; it counts after UTF-8, which is hardly ever met by chance.

    Raises Refused("text_undecodable").
    """
    for encoding in _candidates(raw, declared):
        try:
            text = raw.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if encoding != "cp949" or encoding == _text_encoding(declared) or not _is_other_than_korean(raw):
            return text
    raise Refused("text_undecodable")


def _candidates(raw: bytes, declared: str | None) -> list[str]:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    without_mark = _utf16_without_mark(raw)
    if without_mark is not None:
        return [without_mark]
    return ["utf-8-sig", *([name] if (name := _text_encoding(declared)) else []), "cp949"]


def _utf16_without_mark(raw: bytes) -> str | None:
    """Korean text has spaces and line ends; in UTF-16 each of them holds a NUL, which no other text does."""
    sample = raw[:_SAMPLE]
    if len(raw) % 2 or b"\x00" not in sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = sample.decode(encoding, "ignore")
    return encoding if len(_KOREAN.findall(text)) >= _PLAUSIBLE * max(len(text), 1) else None


def _text_encoding(declared: str | None) -> str | None:
    """Python's name of a declared encoding. A page that declares EUC-KR is written in CP949, as browsers read it."""
    if not declared:
        return None
    try:
        name = codecs.lookup(declared).name
        b"".decode(name)
    except (LookupError, ValueError):
        return None
    # A declaration that was readable as ASCII is not in UTF-16.
    return None if name.startswith(("utf-16", "utf-32")) else {"euc_kr": "cp949"}.get(name, name)


def _is_other_than_korean(raw: bytes) -> bool:
    """Whether what decodes as CP949 is no Korean, but Japanese or binary data: then it is full of rare syllables."""
    pairs = _PAIR.findall(raw[:_SAMPLE])
    return len(list(filter(_ADDED_PAIR.match, pairs))) > _RARE * len(pairs)

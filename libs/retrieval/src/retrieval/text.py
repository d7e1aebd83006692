"""The one cleaning that text gets before it is embedded, analysed or stored."""

import re
import unicodedata

# PostgreSQL, JSON and UTF-8 cannot carry these, and a PDF's broken font map does produce them.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD. Its length stays, so offsets still hold."""
    return _UNSTORABLE.sub("�", text)


def folded(text: str) -> str:
    """The text with compatibility characters made plain where one becomes one (full-width letters, ①, no-break
    space). Its length stays: `…` and `㎏` are left as they are.
    """
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text
    return "".join(map(_plain, text))


def _plain(character: str) -> str:
    if character.isascii():
        return character
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 else character

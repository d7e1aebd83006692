"""What HWP and HWPX have in common: how their styles say that a paragraph is a heading or an item."""

import re

# The styles that Hangul (한글) brings along, in Korean and in English.
_STYLE = re.compile(r"(?:개요|제목|outline|heading|title)\s*(\d{0,2})", re.IGNORECASE)
OUTLINE, NUMBER, BULLET = "OUTLINE", "NUMBER", "BULLET"


def kind_of(style_name: str, numbering: str, numbering_level: int) -> tuple[str, int]:
    """Kind of block and level of heading. `numbering`: OUTLINE, NUMBER, BULLET or another; its level is from 0."""
    match = _STYLE.fullmatch(style_name.strip())
    if match:
        return "heading", int(match[1] or 1) or 1
    if numbering == OUTLINE:
        return "heading", numbering_level + 1
    return ("item" if numbering in (NUMBER, BULLET) else "paragraph"), 0

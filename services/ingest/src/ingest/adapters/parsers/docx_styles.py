"""What a paragraph of a DOCX is by its style: a heading and of which level, an item of a list, the start of a page."""

import re
from dataclasses import dataclass
from typing import Any

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_HEADING = re.compile(r"(?:heading|제목)\s*([1-9])")
_TITLES = ("title", "제목")
_BODY_TEXT = 9
_OFF = ("0", "false", "off")
_FIRST_ROW = 0x20


def named(local: str) -> str:
    return f"{{{_W}}}{local}"


def boolean(element: Any, properties: str, name: str) -> bool:
    """Whether a switch such as `w:tblHeader` is set in the element's properties."""
    switch = element.find(f"{named(properties)}/{named(name)}")
    return switch is not None and switch.get(named("val"), "1") not in _OFF


@dataclass(frozen=True, slots=True)
class Style:
    kind: str = "paragraph"
    level: int = 0
    begins_page: bool = False
    ends_page: bool = False


class Styles:
    def __init__(self, styles: Any) -> None:
        self._elements = {style.get(named("styleId")): style for style in styles.iter(named("style"))}
        self._known: dict[str, tuple[int, bool]] = {}

    def of(self, paragraph: Any) -> Style:
        properties = paragraph.find(named("pPr"))
        if properties is None:
            return Style()
        level, is_item = self._of_style(_value(properties, "pStyle"))
        outline = _outline(properties)
        level = level if outline is None else outline
        is_item = _is_numbered(properties, otherwise=is_item)
        kind = "heading" if level else "item" if is_item else "paragraph"
        section = properties.find(named("sectPr"))
        ends_page = section is not None and _value(section, "type") != "continuous"
        return Style(kind, level, boolean(paragraph, "pPr", "pageBreakBefore"), ends_page)

    def has_header_row(self, table: Any) -> bool:
        """Word formats the first row as a header unless it is told not to."""
        look = table.find(f"{named('tblPr')}/{named('tblLook')}")
        if look is None:
            return True
        flag = look.get(named("firstRow"))
        return flag not in _OFF if flag is not None else bool(int(look.get(named("val"), "0020"), 16) & _FIRST_ROW)

    def _of_style(self, style_id: str | None) -> tuple[int, bool]:
        """Level of heading or 0, and whether it is a list's; of the style or of the nearest that it is based on."""
        if style_id is None:
            return (0, False)
        if style_id not in self._known:
            self._known[style_id] = (0, False)  # a circle of styles ends here
            style = self._elements.get(style_id)
            self._known[style_id] = (0, False) if style is None else self._found(style)
        return self._known[style_id]

    def _found(self, style: Any) -> tuple[int, bool]:
        name = (_value(style, "name") or "").lower()
        level, is_item = self._of_style(_value(style, "basedOn"))
        properties = style.find(named("pPr"))
        outline = None if properties is None else _outline(properties)
        heading = _HEADING.fullmatch(name)
        if heading or name in _TITLES:
            level = int(heading[1]) if heading else 1
        elif outline is not None:
            level = outline
        return level, properties is not None and _is_numbered(properties, otherwise=is_item)


def _is_numbered(properties: Any, *, otherwise: bool) -> bool:
    numbering = properties.find(named("numPr"))
    # Number 0 takes a paragraph out of its style's list.
    return otherwise if numbering is None else _value(numbering, "numId") != "0"


def _outline(properties: Any) -> int | None:
    value = _value(properties, "outlineLvl")
    if value is None:
        return None
    return 0 if int(value) >= _BODY_TEXT else int(value) + 1


def _value(element: Any, name: str) -> str | None:
    child = element.find(named(name))
    return None if child is None else child.get(named("val"))

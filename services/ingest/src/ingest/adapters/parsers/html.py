"""HTML: headings, paragraphs, lists, tables and code of what a browser would show."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.adapters.parsers.encodings import decode
from ingest.adapters.parsers.flow import Flow
from ingest.adapters.parsers.grid import Cell, Grid
from ingest.adapters.parsers.page import Page, Refused

_HEAD = 4096
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([a-z0-9_:.\-]{2,40})""", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([a-z0-9_:.\-]{2,40})""", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)

_LEFT_OUT = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "head",
        "svg",
        "math",
        "iframe",
        "object",
        "embed",
        "canvas",
        "audio",
        "video",
        "select",
        "textarea",
        "button",
    ]
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "ul",
        "table",
        "caption",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
    ]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_KINDS = {**dict.fromkeys(_HEADINGS, "heading"), "li": "item", "pre": "code"}
# Elements that stand in one another without end. The time that their parsing takes grows with the square of the depth:
# half a second for the limit, minutes for what fits into a file. Browsers stop at 512.
_NESTING = re.compile(
    r"<(/?)(?:address|article|aside|blockquote|center|details|dialog|dir|div|dl|fieldset|figcaption|figure|footer|header"
    r"|main|menu|nav|ol|search|section|summary|ul)[\s/>]",
    re.IGNORECASE,
)
_MAX_DEPTH = 5_000
# HTML's own limits of a cell.
_MAX_COLUMN_SPAN, _MAX_ROW_SPAN = 1000, 65_534


def pages(path: Path) -> Iterator[Page]:
    raw = path.read_bytes()
    found = _XML_ENCODING.search(raw[:_HEAD]) or _CHARSET.search(raw[:_HEAD])
    flow = Flow()
    read(decode(raw, declared=found[1].decode() if found else None), flow)
    yield from flow.pages()


def read(markup: str, flow: Flow) -> None:
    """Raises Refused("parse_limit"): elements in elements, deeper than any page that somebody wrote."""
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415  other formats do not need it

    _check_depth(markup)
    document: Any = LexborHTMLParser(markup)
    title = document.css_first("head > title")
    if title is not None and document.css_first("h1") is None:
        flow.add(_line(title.text()), "heading", level=1)
    if document.body is not None:
        _walk(document.body, _Writer(flow))


def _check_depth(markup: str) -> None:
    depth = 0
    for tag in _NESTING.finditer(markup):
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        if depth > _MAX_DEPTH:
            raise Refused("parse_limit")


class _Writer:
    """Collects the text between two block elements; the innermost element that has a kind gives it."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._text: list[str] = []
        self._open: list[str] = []

    def enter(self, node: Any) -> bool:
        """Whether what is in the node is to be read."""
        tag = node.tag
        if tag == "-text":
            self._text.append(_text_of(node, is_code="pre" in self._open))
        elif tag == "br":
            self._text.append("\n")
        elif tag in _BLOCKS and not _is_hidden(node):
            self._flush()
            if tag == "table" and _is_of_data(node):
                _add_table(node, self._flow)
                return False
            if tag in _KINDS:
                self._open.append(tag)
        return not _is_left_out(node)

    def leave(self, node: Any) -> None:
        if node.tag in _BLOCKS and not _is_hidden(node):
            self._flush()
            if node.tag in _KINDS and self._open:
                self._open.pop()

    def _flush(self) -> None:
        text, self._text = "".join(self._text), []
        if not text.strip():
            return
        tag = self._open[-1] if self._open else ""
        if tag != "pre":
            text = "\n".join(_line(line) for line in text.split("\n"))
        self._flow.add(text, _KINDS.get(tag, "paragraph"), level=_HEADINGS.get(tag, 0))


def _walk(root: Any, writer: _Writer) -> None:
    """Without recursion: how deep elements may be nested is the file's choice."""
    node, depth = root, 0
    while True:
        goes_in = writer.enter(node)
        if goes_in and node.child is not None:
            node, depth = node.child, depth + 1
            continue
        if goes_in:
            writer.leave(node)
        while node.next is None and depth:
            node, depth = node.parent, depth - 1
            writer.leave(node)
        if not depth:
            return
        node = node.next


def _add_table(table: Any, flow: Flow) -> None:
    caption = table.css_first("caption")
    if caption is not None:
        flow.add(_cell_text(caption))
    flow.begin_table()
    grid = Grid()
    for row in table.css("tr"):
        if _is_hidden(row):
            continue
        cells = [cell for cell in row.iter() if cell.tag in ("td", "th")]
        is_header = row.parent.tag == "thead" or (bool(cells) and all(cell.tag == "th" for cell in cells))
        flow.add_row(grid.row(map(_cell, cells)), is_header=is_header)


def _cell(node: Any) -> Cell:
    attributes = node.attributes
    rows = _span(attributes.get("rowspan"), _MAX_ROW_SPAN)
    return Cell(_cell_text(node), rows, _span(attributes.get("colspan"), _MAX_COLUMN_SPAN))


def _span(value: str | None, limit: int) -> int:
    return min(max(int(value), 1), limit) if value and value.isascii() and value.isdigit() and len(value) < 9 else 1  # noqa: PLR2004


def _cell_text(cell: Any) -> str:
    inner = _CellText()
    _walk(cell, inner)
    return " ".join("".join(inner.parts).split())


class _CellText(_Writer):
    """A cell's text in one line, whatever elements are in it."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def enter(self, node: Any) -> bool:
        if node.tag == "-text":
            self.parts.append(node.text_content or "")
        elif node.tag == "br" or node.tag in _BLOCKS:
            self.parts.append(" ")
        return not _is_left_out(node)

    def leave(self, node: Any) -> None:
        if node.tag in _BLOCKS:
            self.parts.append(" ")


def _is_of_data(table: Any) -> bool:
    """Not one that lays out a page: its cells hold tables or headings, or there is one cell alone."""
    if table.attributes.get("role") in ("presentation", "none"):
        return False
    # lexbor counts the table itself among what is found in it.
    is_layout = any(found.mem_id != table.mem_id for found in table.css("table, h1, h2, h3, ul, ol, pre"))
    return not is_layout and len(table.css("td, th")) > 1


def _text_of(node: Any, *, is_code: bool) -> str:
    text: str = node.text_content or ""
    return text if is_code else _SPACE.sub(" ", text)


def _is_left_out(node: Any) -> bool:
    tag = node.tag
    return tag.startswith("-") or tag in _LEFT_OUT or _is_hidden(node)


def _is_hidden(node: Any) -> bool:
    attributes = node.attributes
    if not attributes:
        return False
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or _HIDDEN_STYLE.search(attributes.get("style") or "") is not None
    )


def _line(text: str) -> str:
    return " ".join(text.split())

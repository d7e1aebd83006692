# ruff: noqa: INP001 - a script beside its data, not a package
"""Set academy-handbook.ko.md as a PDF: `python docs/samples/make_pdf.py`.

A tool for whoever edits the handbook; the PDF is committed, so no build step runs this. The same text and the
same PyMuPDF give the same bytes: dates are fixed and no random file id is written.

The Markdown it knows: `#` the cover, `##` a chapter on a new page, `###` a section, `-` a list item,
`|` a table, and paragraphs of one line each.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pymupdf

HERE = Path(__file__).parent
SOURCE = HERE / "academy-handbook.ko.md"
TARGET = HERE / "academy-handbook.ko.pdf"

PAGE = pymupdf.paper_rect("a4")
LEFT, TOP, RIGHT, BOTTOM = 62.0, 92.0, PAGE.width - 62.0, PAGE.height - 78.0
type Colour = tuple[float, float, float]
INK, BLUE, GREY, PALE = (0.12, 0.12, 0.14), (0.10, 0.26, 0.50), (0.45, 0.47, 0.50), (0.92, 0.94, 0.97)
CONTENTS_PAGE = 2
BODY_SIZE, BODY_LEADING = 11.0, 19.0
SMALL_SIZE = 8.5
CELL_SIZE, CELL_HEIGHT, CELL_PADDING = 10.0, 22.0, 7.0
ISSUED = "D:20261122090000+09'00'"


@dataclass
class Setter:
    """Sets lines from the top of a page downwards and opens a new page where one is full."""

    title: str
    document: pymupdf.Document = field(default_factory=pymupdf.open)
    font: pymupdf.Font = field(default_factory=lambda: pymupdf.Font("korea"))
    outline: list[tuple[int, str, int]] = field(default_factory=list)
    y: float = TOP

    def new_page(self, *, framed: bool = True) -> None:
        page = self.document.new_page(width=PAGE.width, height=PAGE.height)
        page.insert_font(fontname="ko", fontbuffer=self.font.buffer)
        self.y = TOP
        if framed:
            self.text(LEFT, 52, self.title, size=SMALL_SIZE, colour=GREY)
            page.draw_line((LEFT, 60), (RIGHT, 60), color=GREY, width=0.5)

    def number_pages(self) -> None:
        for number in range(CONTENTS_PAGE, self.document.page_count + 1):
            label, page = f"{number}쪽", self.document[number - 1]
            x = (PAGE.width - self.width(label, SMALL_SIZE)) / 2
            self.text(x, PAGE.height - 44, label, size=SMALL_SIZE, colour=GREY, page=page)

    def width(self, text: str, size: float) -> float:
        return float(self.font.text_length(text, fontsize=size))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        colour: Colour = INK,
        bold: bool = False,
        page: pymupdf.Page | None = None,
    ) -> None:
        lost = [char for char in text if not self.font.has_glyph(ord(char))]
        if lost:
            raise ValueError(f"the font has no glyph for {lost} in: {text}")
        # The font has one weight: bold is the same outline, filled and stroked.
        (page or self.document[-1]).insert_text(
            (x, y), text, fontname="ko", fontsize=size, color=colour, fill=colour,
            render_mode=2 if bold else 0, border_width=0.028,
        )  # fmt: skip

    def wrap(self, text: str, width: float) -> Iterator[str]:
        """Break between words only: a Korean word cut in two would reach a parser as two words."""
        line = ""
        for word in text.split(" "):
            longer = f"{line} {word}" if line else word
            if line and self.width(longer, BODY_SIZE) > width:
                yield line
                longer = word
            line = longer
        yield line

    def need(self, height: float) -> None:
        if self.y + height > BOTTOM:
            self.new_page()

    def paragraph(self, text: str, *, indent: float = 0, bullet: str = "") -> None:
        for number, line in enumerate(self.wrap(text, RIGHT - LEFT - indent)):
            self.need(BODY_LEADING)
            shown = bullet + line if number == 0 else line
            hang = self.width(bullet, BODY_SIZE) if number == 0 else 0
            self.text(LEFT + indent - hang, self.y, shown, size=BODY_SIZE)
            self.y += BODY_LEADING
        self.y += 3 if bullet else 6

    def chapter(self, text: str) -> None:
        self.new_page()
        self.outline.append((1, text, self.document.page_count))
        self.y += 8
        self.text(LEFT, self.y, text, size=18, colour=BLUE, bold=True)
        self.document[-1].draw_line((LEFT, self.y + 11), (RIGHT, self.y + 11), color=BLUE, width=1.2)
        self.y += 40

    def section(self, text: str) -> None:
        self.need(24 + 2 * BODY_LEADING)  # a heading never ends a page
        self.outline.append((2, text, self.document.page_count))
        self.y += 6
        self.text(LEFT, self.y, text, size=12, colour=BLUE, bold=True)
        self.y += 21

    def table(self, rows: list[list[str]]) -> None:
        widths = self.column_widths(rows)
        self.need(CELL_HEIGHT * len(rows) + 8)
        page, top = self.document[-1], self.y - 12
        bottom, xs = top + CELL_HEIGHT * len(rows), [LEFT]
        for width in widths:
            xs.append(xs[-1] + width)
        page.draw_rect((LEFT, top, RIGHT, top + CELL_HEIGHT), color=None, fill=PALE)
        for number in range(len(rows) + 1):
            y = top + CELL_HEIGHT * number
            page.draw_line((LEFT, y), (RIGHT, y), color=GREY, width=0.5)
        for x in xs:
            page.draw_line((x, top), (x, bottom), color=GREY, width=0.5)
        for number, row in enumerate(rows):
            for x, cell in zip(xs, row, strict=False):
                baseline = top + CELL_HEIGHT * number + 14.2
                self.text(x + CELL_PADDING, baseline, cell, size=CELL_SIZE, bold=number == 0)
        self.y = bottom + 24

    def column_widths(self, rows: list[list[str]]) -> list[float]:
        """Widths in points: what the longest cell of each column needs, and an even share of what is left."""
        columns = zip(*rows, strict=True)
        needs = [max(self.width(cell, CELL_SIZE) for cell in column) + 2 * CELL_PADDING for column in columns]
        spare = (RIGHT - LEFT - sum(needs)) / len(needs)
        if spare < 0:
            raise ValueError(f"the table is too wide for the page: {rows[0]}")
        return [need + spare for need in needs]

    def cover(self, lines: list[str]) -> None:
        self.new_page(framed=False)
        page = self.document[-1]
        page.draw_rect((0, 0, PAGE.width, 14), color=None, fill=BLUE)
        self.text(LEFT, 250, lines[0], size=15, colour=GREY)
        self.text(LEFT, 292, self.title, size=30, colour=BLUE, bold=True)
        page.draw_line((LEFT, 316), (LEFT + 120, 316), color=BLUE, width=2)
        for number, line in enumerate(lines[1:]):
            self.text(LEFT, 352 + 24 * number, line, size=11.5)
        self.new_page()  # the contents, filled in when the page numbers are known

    def contents(self) -> None:
        page, y = self.document[CONTENTS_PAGE - 1], TOP + 8
        self.text(LEFT, y, "차례", size=18, colour=BLUE, bold=True, page=page)
        for title, number in ((title, str(number)) for level, title, number in self.outline if level == 1):
            y += 30
            self.text(LEFT, y, title, size=BODY_SIZE, page=page)
            self.text(RIGHT - self.width(number, BODY_SIZE), y, number, size=BODY_SIZE, page=page)
            start = (LEFT + self.width(title, BODY_SIZE) + 8, y - 3)
            page.draw_line(start, (RIGHT - 24, y - 3), color=GREY, width=0.5, dashes="[1 3]")

    def finish(self) -> bytes:
        self.contents()
        self.number_pages()
        self.document.set_toc([list(entry) for entry in [(1, "차례", CONTENTS_PAGE), *self.outline]])
        self.document.set_metadata(
            {"title": self.title, "author": "GrowFit", "subject": "CC0 1.0 Universal", "keywords": "",
             "creator": "docs/samples/make_pdf.py", "producer": "PyMuPDF", "creationDate": ISSUED, "modDate": ISSUED}
        )  # fmt: skip
        self.document.set_language("ko")
        self.document.subset_fonts()
        return bytes(self.document.tobytes(garbage=4, deflate=True, use_objstms=1, no_new_id=True))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def set_body(setter: Setter, blocks: list[str]) -> None:
    for block in blocks:
        lines = block.splitlines()
        if block.startswith("## "):
            setter.chapter(block[3:])
        elif block.startswith("### "):
            setter.section(block[4:])
        elif block.startswith("| "):
            setter.table([cells(line) for line in (lines[0], *lines[2:])])
        elif block.startswith("- "):
            for line in lines:
                setter.paragraph(line[2:], indent=14, bullet="• ")
        else:
            for line in lines:
                setter.paragraph(line)


def make_pdf(markdown: str) -> bytes:
    cover, *blocks = markdown.strip().split("\n\n## ", 1)
    heading, *notes = cover.split("\n\n")
    setter = Setter(title=heading.removeprefix("# "))
    setter.cover([line for note in notes for line in note.splitlines()])
    set_body(setter, [block.strip() for block in f"## {blocks[0]}".split("\n\n")])
    return setter.finish()


if __name__ == "__main__":
    TARGET.write_bytes(make_pdf(SOURCE.read_text(encoding="utf-8")))

"""Korean PDFs as different tools set them: how the same words lie on the page, and whether a space is a character."""

from collections.abc import Iterator
from dataclasses import dataclass

import pymupdf

from growfit_documents.prose import korean_page
from growfit_documents.readable import BODY_SIZE, LEADING, MARGIN, PAPER, TOP, character_width, font, save, wrap

COLUMN_GUTTER = 28.0


@dataclass(frozen=True, kw_only=True)
class Setting:
    """All in em. `gap`: between words, None for a space character; `tracking`: between letters; `lift`: of every
    other word above the line.
    """

    gap: float | None = None
    tracking: float = 0.0
    lift: float = 0.0


SETTINGS = {
    "spaces as glyphs": Setting(),
    "spaces and tracking": Setting(tracking=0.04),
    "gaps of TeX": Setting(gap=0.27),
    "narrow gaps": Setting(gap=0.18),
    "tight letters and narrow gaps": Setting(gap=0.15, tracking=-0.05),
    "wide gaps": Setting(gap=0.6),
    "words lifted off the line": Setting(gap=0.27, lift=0.12),
}


def width_of(word: str, size: float, setting: Setting) -> float:
    return sum(character_width(character) + setting.tracking for character in word) * size


def write_line(
    writer: pymupdf.TextWriter, text: str, *, x: float, y: float, size: float = BODY_SIZE, setting: Setting
) -> None:
    gap = character_width(" ") + setting.tracking if setting.gap is None else setting.gap
    for number, word in enumerate(text.split(" ")):
        up = setting.lift * size * (number % 2)
        shown = f"{word} " if setting.gap is None else word
        at = x
        for character in shown:
            writer.append((at, y - up), character, font=font(), fontsize=size)
            at += (character_width(character) + setting.tracking) * size
        x += width_of(word, size, setting) + gap * size


MIXED = (
    "GrowFit API는 PDF와 DOCX 파일을 Python 3.12에서 읽습니다.",
    "REST 호출은 POST /documents 하나이고, 응답은 JSON (UTF-8) 형식입니다.",
    "2026년 3월 1일부터 학생 1,234명이 AI 실습 과정에 등록했습니다.",
)


def set_pdf(setting: Setting, *, seed: int = 1) -> tuple[bytes, str]:
    """One page of Korean and mixed lines, and its words with single spaces."""
    document = pymupdf.open()
    paper = document.new_page(width=PAPER.width, height=PAPER.height)
    writer, y, said = pymupdf.TextWriter(paper.rect), TOP, []
    for paragraph in [*korean_page(1, seed=seed).paragraphs[:2], *MIXED]:
        for line in wrap(paragraph, BODY_SIZE * (1 + max(setting.tracking, 0)) * 1.1):
            write_line(writer, line, x=MARGIN, y=y, setting=setting)
            said.append(line)
            y += LEADING
    writer.write_text(paper)
    return save(document), " ".join(said)


def spread_title_pdf(*, tracking: float) -> tuple[bytes, list[str]]:
    """Titles whose letters stand apart, as on covers; words of the second are further apart. And a line of text."""
    document = pymupdf.open()
    paper = document.new_page(width=PAPER.width, height=PAPER.height)
    writer = pymupdf.TextWriter(paper.rect)
    titles, setting = ["목차", "교육과정 운영 안내서"], Setting(gap=tracking + 0.8, tracking=tracking)
    for number, title in enumerate(titles):
        write_line(writer, title, x=MARGIN, y=TOP + 60 * number, size=24, setting=setting)
    write_line(writer, MIXED[2], x=MARGIN, y=TOP + 200, setting=Setting(gap=0.27))
    writer.write_text(paper)
    return save(document), [*titles, MIXED[2]]


def two_column_pdf(*, by_rows: bool, seed: int = 1) -> tuple[bytes, str]:
    """A title over two columns, and the words as they are read. `by_rows`: written line by line across both."""
    document = pymupdf.open()
    paper = document.new_page(width=PAPER.width, height=PAPER.height)
    page = korean_page(1, seed=seed)
    room = (PAPER.width - 2 * MARGIN - COLUMN_GUTTER) / 2
    lines = list(_narrow(" ".join(page.paragraphs), room))
    half = (len(lines) + 1) // 2
    places = [(MARGIN, row, line) for row, line in enumerate(lines[:half])]
    places += [(MARGIN + room + COLUMN_GUTTER, row, line) for row, line in enumerate(lines[half:])]
    if by_rows:
        places.sort(key=lambda place: (place[1], place[0]))
    writer = pymupdf.TextWriter(paper.rect)
    write_line(writer, page.heading, x=MARGIN + 140, y=TOP, size=18, setting=Setting())
    for x, row, line in places:
        write_line(writer, line, x=x, y=TOP + 40 + row * 16, size=10, setting=Setting(gap=0.27))
    writer.write_text(paper)
    return save(document), " ".join([page.heading, *lines])


def _narrow(text: str, room: float) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}".strip()
        if line and width_of(longer, 10, Setting()) > room:
            yield line
            longer = word
        line = longer
    yield line


ROWS = [["과정", "요일", "실습 시간"], ["기초반", "월·수", "21:00 부터"], ["활용반", "화·목", "20:00 부터"]]


def structured_pdf(*, gap: float | None = 0.27) -> bytes:
    """A title, two headings, paragraphs, a list, and a ruled table of ROWS; the outline names both headings."""
    document = pymupdf.open()
    paper = document.new_page(width=PAPER.width, height=PAPER.height)
    writer, setting, y = pymupdf.TextWriter(paper.rect), Setting(gap=gap), TOP
    for text, size in (
        ("AI 실습 과정 안내서", 24.0),
        ("1. 수강 신청", 16.0),
        ("수강 신청은 2027년 1월 11일 오전 10시에 시작합니다.", BODY_SIZE),
        ("신청은 학습 누리집에서만 받습니다.", BODY_SIZE),
        ("• 신분증 사본을 냅니다.", BODY_SIZE),
        ("• 수강료를 냅니다.", BODY_SIZE),
        ("2. 실습 시간", 16.0),
        ("실습은 아래 시간표를 따릅니다.", BODY_SIZE),
    ):
        y += 2 * size if size != BODY_SIZE else LEADING
        write_line(writer, text, x=MARGIN, y=y, size=size, setting=setting)
    y += 30
    for row in ROWS:
        for column, cell in enumerate(row):
            box = pymupdf.Rect(MARGIN + 140 * column, y, MARGIN + 140 * (column + 1), y + 26)
            paper.draw_rect(box, width=0.7)
            write_line(writer, cell, x=box.x0 + 8, y=y + 18, setting=setting)
        y += 26
    write_line(writer, "표 아래의 문장입니다.", x=MARGIN, y=y + 40, setting=setting)
    writer.write_text(paper)
    document.set_toc([[1, "1. 수강 신청", 1], [1, "2. 실습 시간", 1]])
    return save(document)


def turned_pdf(angle: int, *, seed: int = 1) -> tuple[bytes, str]:
    """A page that lies turned in the file and says so, so that it is shown upright; and its words."""
    content, words = set_pdf(SETTINGS["gaps of TeX"], seed=seed)
    document, source = pymupdf.open(), pymupdf.open(stream=content, filetype="pdf")
    size = (PAPER.height, PAPER.width) if angle % 180 else (PAPER.width, PAPER.height)
    paper = document.new_page(width=size[0], height=size[1])
    paper.show_pdf_page(paper.rect, source, 0, rotate=angle)
    paper.set_rotation(angle)
    return save(document), words

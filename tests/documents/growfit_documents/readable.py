"""Documents that the product must read: Korean PDF, text and Markdown."""

from collections.abc import Iterator
from functools import cache

import pymupdf

from growfit_documents.prose import Page, korean_page

PAPER = pymupdf.paper_rect("a4")
MARGIN, TOP = 64.0, 84.0
BODY_SIZE, LEADING, HEADING_SIZE, FOOTER_SIZE = 12.0, 20.5, 17.0, 9.0
TEX_GAP = 0.27  # em between words, as TeX sets it: PyMuPDF's own text extraction loses such a gap


@cache
def font() -> pymupdf.Font:
    return pymupdf.Font("korea")


@cache
def character_width(char: str) -> float:
    return float(font().glyph_advance(ord(char)))


def wrap(text: str, size: float) -> Iterator[str]:
    """Lines broken between words only, so that no parser sees a word in two pieces."""
    space, room = character_width(" ") * size, PAPER.width - 2 * MARGIN
    line: list[str] = []
    used = 0.0
    for word in text.split(" "):
        width = sum(map(character_width, word)) * size
        if line and used + width > room:
            yield " ".join(line)
            line, used = [], 0.0
        line.append(word)
        used += width + space
    yield " ".join(line)


def write_page(document: pymupdf.Document, page: Page, number: int) -> None:
    paper = document.new_page(width=PAPER.width, height=PAPER.height)
    writer, y = pymupdf.TextWriter(paper.rect), TOP
    writer.append((MARGIN, y), page.heading, font=font(), fontsize=HEADING_SIZE)
    y += LEADING * 1.7
    for paragraph in page.paragraphs:
        for line in wrap(paragraph, BODY_SIZE):
            writer.append((MARGIN, y), line, font=font(), fontsize=BODY_SIZE)
            y += LEADING
        y += LEADING / 2
    writer.append((PAPER.width / 2, PAPER.height - 44), str(number), font=font(), fontsize=FOOTER_SIZE)
    writer.write_text(paper)


def save(document: pymupdf.Document, **options: int | str) -> bytes:
    """The bytes, the same every time: only the glyphs in use are kept, and no date or random id is written."""
    document.subset_fonts()
    return bytes(document.tobytes(garbage=3, deflate=True, no_new_id=True, **options))


def korean_document(pages: int, *, seed: int, marker: str | None = None) -> pymupdf.Document:
    document = pymupdf.open()
    for number in range(1, pages + 1):
        write_page(document, korean_page(number, seed=seed, marker=marker), number)
    return document


def korean_pdf(pages: int = 200, *, seed: int = 1, marker: str | None = None) -> bytes:
    """A text PDF; page n holds the words of `korean_page(n, seed=seed, marker=marker)` and then the number n."""
    return save(korean_document(pages, seed=seed, marker=marker))


def gap_spaced_pdf(*, seed: int = 1) -> bytes:
    """One page whose words are set apart by gaps alone, with no space character, as TeX-like tools do."""
    document = pymupdf.open()
    paper = document.new_page(width=PAPER.width, height=PAPER.height)
    writer, y = pymupdf.TextWriter(paper.rect), TOP
    for paragraph in korean_page(1, seed=seed).paragraphs:
        for line in wrap(paragraph, BODY_SIZE):
            x = MARGIN
            for word in line.split(" "):
                writer.append((x, y), word, font=font(), fontsize=BODY_SIZE)
                x += (sum(map(character_width, word)) + TEX_GAP) * BODY_SIZE
            y += LEADING
    writer.write_text(paper)
    return save(document)


def owner_locked_pdf(*, seed: int = 1) -> bytes:
    """Opens without a password, but is encrypted with an owner's: printing is refused, reading is not."""
    document = korean_document(2, seed=seed)
    encryption = pymupdf.mupdf.PDF_ENCRYPT_AES_256
    permissions = pymupdf.mupdf.PDF_PERM_ACCESSIBILITY | pymupdf.mupdf.PDF_PERM_COPY
    return save(document, encryption=encryption, owner_pw="owner", user_pw="", permissions=permissions)


def korean_text(encoding: str = "utf-8", *, pages: int = 1, seed: int = 1) -> bytes:
    """Plain text in any encoding that has Hangul: utf-8, utf-8-sig, utf-16 (with its mark), cp949."""
    return "\n\n".join(korean_page(n, seed=seed).text for n in range(1, pages + 1)).encode(encoding)


def korean_markdown(*, sections: int = 3, seed: int = 1) -> bytes:
    """A title, then sections with a heading, paragraphs, a list, a table and a code block each."""
    parts = ["# 견본 문서"]
    for number in range(1, sections + 1):
        page = korean_page(number, seed=seed)
        parts += [f"## {page.heading}", *page.paragraphs, "### 기록", f"- {page.fact.sentence}"]
        parts += [f"| 기록 번호 | 측정값 |\n| --- | --- |\n| {page.fact.code} | {page.fact.value} |"]
        parts += [f'```python\nrecord = "{page.fact.code}"\n```']
    return ("\n\n".join(parts) + "\n").encode()

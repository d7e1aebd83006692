"""Pictures of text: scans, photographs that were taken sideways, and images with nothing to read."""

import io
from functools import cache

import pymupdf
from PIL import Image

from growfit_documents.prose import korean_page
from growfit_documents.readable import BODY_SIZE, LEADING, MARGIN, PAPER, TOP, font, wrap
from growfit_documents.typeset import two_column_pdf

ENGLISH = (
    "The registration office opens at nine on weekdays.",
    "Students who pay before the first of March receive a discount of ten percent.",
    "A refund is possible within seven days of the first lesson.",
)
ORIENTATION = 0x0112


def page_lines(*, seed: int = 1) -> list[str]:
    """What the pictures say: a few lines of Korean and of English."""
    korean = [line for paragraph in korean_page(1, seed=seed).paragraphs[:1] for line in wrap(paragraph, BODY_SIZE)]
    return [*korean, *ENGLISH]


@cache
def picture(*, seed: int = 1, dpi: int = 200) -> Image.Image:
    """Grey, a strip of a page with `page_lines`."""
    document = pymupdf.open()
    lines = page_lines(seed=seed)
    paper = document.new_page(width=PAPER.width, height=TOP + LEADING * (len(lines) + 1))
    writer = pymupdf.TextWriter(paper.rect)
    for number, line in enumerate(lines):
        writer.append((MARGIN, TOP + number * LEADING), line, font=font(), fontsize=BODY_SIZE)
    writer.write_text(paper)
    return rendered(paper, dpi=dpi)


def rendered(paper: pymupdf.Page, *, dpi: int) -> Image.Image:
    pixels = paper.get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY, alpha=False)
    return Image.frombytes("L", (pixels.width, pixels.height), pixels.samples)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    # A copy: an image keeps how it was saved, and the next format stumbles over it.
    image.copy().save(target, kind, **options)
    return target.getvalue()


def image_bytes(kind: str, *, seed: int = 1) -> bytes:
    """PNG, JPEG, WEBP or TIFF."""
    return encoded(picture(seed=seed), kind)


def sideways_jpeg(*, seed: int = 1) -> bytes:
    """Its pixels lie on their side, and its EXIF says so, as a telephone writes it."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return encoded(picture(seed=seed).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=90)


def tiff_of_pages(count: int = 2) -> bytes:
    first, *others = [picture(seed=seed).copy() for seed in range(1, count + 1)]
    return encoded(first, "TIFF", save_all=True, append_images=others, compression="tiff_lzw")


def transparent_png(*, seed: int = 1) -> bytes:
    """Black letters on nothing: on black, as a careless reader lays it, there is no text."""
    ink = picture(seed=seed).point(lambda value: 255 - value)
    layers = Image.new("LA", ink.size, 0)
    layers.putalpha(ink)
    return encoded(layers, "PNG")


def scan_pdf(pages: int = 1, *, text_pages: int = 0, seed: int = 1) -> bytes:
    """A PDF whose first `pages` are JPEGs, and whose others, `text_pages` of them, have text."""
    document = pymupdf.open()
    for number in range(pages):
        shown = picture(seed=seed + number)
        paper = document.new_page(width=shown.width * 72 / 200, height=shown.height * 72 / 200)
        paper.insert_image(paper.rect, stream=encoded(shown, "JPEG", quality=85))
    for _ in range(text_pages):
        document.new_page().insert_text((72, 100), ENGLISH[0] + " " + ENGLISH[2], fontsize=9)
    return bytes(document.tobytes(garbage=3, deflate=True, no_new_id=True))


def two_column_scan(*, seed: int = 1) -> tuple[bytes, str]:
    content, words = two_column_pdf(by_rows=False, seed=seed)
    paper = pymupdf.open(stream=content, filetype="pdf")[0]
    return encoded(rendered(paper, dpi=200), "PNG"), words


def photograph(side: int = 700) -> bytes:
    """No text: a soft gradient with circles in it."""
    ground = Image.radial_gradient("L").resize((side, side))
    return encoded(Image.merge("RGB", (ground, ground.rotate(90), ground.transpose(Image.Transpose.ROTATE_180))), "PNG")
